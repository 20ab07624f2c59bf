/**
 * The kind of a failure. `refused`: the API is available, but it rejected the request, for example because of
 * the token or the URL. `wrong`: the content is invalid or does not match its digest. `later`: the failure
 * may be temporary.
 */
export type FailureKind = 'refused' | 'wrong' | 'later';

/** A failure of a follower. Its message contains no token, so it is safe to show. */
export class FollowFailure extends Error {
  override readonly name = 'FollowFailure';
  readonly kind: FailureKind;
  /** The delay from the Retry-After header of the response. Null if there was none. */
  readonly retryAfterMs: number | null;

  constructor(
    kind: FailureKind,
    message: string,
    { retryAfterMs = null, cause }: { retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Returns the message of a thrown value, whatever its type. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (error.message !== '') return error.message;
  return code ?? error.name;
}

/** Converts a thrown value of any type to a FollowFailure. */
export function failureOf(error: unknown): FollowFailure {
  return error instanceof FollowFailure
    ? error
    : new FollowFailure('later', reasonOf(error), { cause: error });
}
