import { cliLimits } from '../limits.ts';

/**
 * Runs `work` for each item, for at most {@link cliLimits.parallelFetches} items at the same time. Returns
 * all results in the order of the items.
 */
export async function inBatches<I, T>(
  items: readonly I[],
  work: (item: I) => Promise<readonly T[]>,
): Promise<T[]> {
  const results: T[] = [];
  for (let from = 0; from < items.length; from += cliLimits.parallelFetches) {
    const some = items.slice(from, from + cliLimits.parallelFetches);
    results.push(...(await Promise.all(some.map(work))).flat());
  }
  return results;
}
