/**
 * Why a fetch failed. `refused`: a healthy control plane rejected it (the token, the address). `wrong`: the
 * content does not match its digest. `later`: the failure may be temporary.
 */
export type FailureKind = 'refused' | 'wrong' | 'later';

/** A failure of a follower. Its message is safe to show: it contains no token. */
export class FollowFailure extends Error {
  override readonly name = 'FollowFailure';
  readonly kind: FailureKind;
  /** The delay that the server asked for. */
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

/** The message of any thrown value. */
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
