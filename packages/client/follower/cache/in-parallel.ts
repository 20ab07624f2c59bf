/**
 * Runs the work for each item, for at most `atOnce` items at the same time. After the first failure, no
 * further item is started.
 */
export async function inParallel<T>(
  things: readonly T[],
  atOnce: number,
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const rest = things.values();
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    for (const thing of rest) {
      if (hasFailed) return;
      await work(thing).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, worker));
}
