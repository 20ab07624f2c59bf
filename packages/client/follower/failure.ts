/**
 * The kind of a failed fetch. `refused`: the control plane is healthy and rejected the request, for example
 * because of the token or the URL. `wrong`: the content is invalid or does not match its digest. `later`: the
 * failure may be temporary.
 */
export type FailureKind = 'refused' | 'wrong' | 'later';

/** A failure of a follower. Its message is safe to show: it contains no token. */
export class FollowFailure extends Error {
  override readonly name = 'FollowFailure';
  readonly kind: FailureKind;
  /** The delay from the server's Retry-After header, or null. */
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

/** Returns the message of any thrown value. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (error.message !== '') return error.message;
  return code ?? error.name;
}

/** Converts any thrown value to a FollowFailure. */
export function failureOf(error: unknown): FollowFailure {
  return error instanceof FollowFailure
    ? error
    : new FollowFailure('later', reasonOf(error), { cause: error });
}
