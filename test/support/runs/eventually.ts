/**
 * Asks again and again until there is an answer. The bound is there against hanging, not a statement about speed: as long as the time
 * of a whole test allows, so that a machine which is several times slower still gets there.
 *
 * @throws when the time is over, with what the last attempt threw, if it did
 */
export async function eventually<T>(
  ask: () => Promise<T | null | undefined | false>,
  { withinMs = 90_000, what }: { withinMs?: number; what: string },
): Promise<T> {
  const end = Date.now() + withinMs;
  let last: unknown = null;
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false) return answer;
      last = null;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${withinMs} ms: ${what}`, last === null ? undefined : { cause: last });
}
