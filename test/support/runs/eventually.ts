/**
 * Calls `ask` repeatedly until it returns a result. The time limit only serves to end a test that hangs, so it is far
 * above the time on any machine.
 * @throws if no result came within the time limit, with the error of the last attempt, if there was one
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
