/**
 * The processor time, in milliseconds, that the thread of the event loop spends while the work runs. The work can't block the event loop for
 * longer by computing. In contrast to the time on the clock, it does not include the time in which other processes use the processor. The
 * result is the minimum of several rounds, because the first rounds also compile code and collect garbage.
 */
export async function eventLoopProcessorMs(work: () => Promise<unknown>, rounds = 3): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.threadCpuUsage();
    await work();
    const { user, system } = process.threadCpuUsage(before);
    times.push((user + system) / 1_000);
  }
  return Math.min(...times);
}
