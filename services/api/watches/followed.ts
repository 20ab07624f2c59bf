/**
 * A sequence of values that arrive over time. Unlike a generator, it keeps no values in memory while a reader is slow. The variables of a
 * suspended generator stay in memory, and a slow reader keeps its generator suspended for as long as it is connected.
 */
export interface Followed<T> {
  readonly next: () => Promise<IteratorResult<T, undefined>>;
  /** Ends the sequence, even while `next` is pending. */
  readonly return: () => Promise<IteratorReturnResult<undefined>>;
  readonly [Symbol.asyncIterator]: () => Followed<T>;
}

/**
 * Creates a sequence. `produce` resolves to the next value, or to undefined at the end. `onEnd` is called once: at the end, when `produce`
 * throws, or when the consumer calls `return`. When the consumer calls `return`, `onEnd` must also end a pending `produce`.
 */
export function followed<T>(
  produce: () => Promise<T | undefined>,
  onEnd: () => void | Promise<unknown>,
): Followed<T> {
  let isOver = false;
  const end = async (): Promise<IteratorReturnResult<undefined>> => {
    if (!isOver) {
      isOver = true;
      await onEnd();
    }
    return { done: true, value: undefined };
  };
  const values: Followed<T> = {
    async next() {
      if (isOver) return await end();
      try {
        const value = await produce();
        return value === undefined ? await end() : { done: false, value };
      } catch (error) {
        await end();
        throw error;
      }
    },
    return: end,
    [Symbol.asyncIterator]: () => values,
  };
  return values;
}
