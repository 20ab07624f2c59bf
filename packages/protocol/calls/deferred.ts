/**
 * A promise with its resolve and reject functions. It replaces `Promise.withResolvers`, which Node 20 does
 * not have.
 */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason: unknown) => void;
}

export function deferred<T>(): Deferred<T> {
  const settle: { resolve: Deferred<T>['resolve']; reject: Deferred<T>['reject'] } = {
    resolve: ignored,
    reject: ignored,
  };
  // The function that is passed to `new Promise` runs immediately, so both functions are set before the
  // return.
  const promise = new Promise<T>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  return { promise, ...settle };
}

function ignored(): void {}
