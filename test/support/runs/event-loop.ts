import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * The longest time, in milliseconds, for which the work blocked the event loop of this process. The result is the
 * minimum of several rounds, because other processes may delay single rounds.
 */
export async function longestStallMs(work: () => Promise<unknown>, rounds = 3): Promise<number> {
  const stalls: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await work();
    delay.disable();
    stalls.push(delay.max / 1e6);
  }
  return Math.min(...stalls);
}
