/**
 * Why something was not had: `refused`, by a control plane that is well (the token, the address); `wrong`, what came is not what its
 * digest says; `later`, whatever may pass by itself.
 */
export type FailureKind = 'refused' | 'wrong' | 'later';

/** What a follower meets on its way. Its message may be shown: it names no token. */
export class FollowFailure extends Error {
  override readonly name = 'FollowFailure';
  readonly kind: FailureKind;
  /** As the other side asked for. */
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

/** Words for anything that was thrown. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (error.message !== '') return error.message;
  return code ?? error.name;
}

/** What was thrown, as a failure of ours. */
export function failureOf(error: unknown): FollowFailure {
  return error instanceof FollowFailure
    ? error
    : new FollowFailure('later', reasonOf(error), { cause: error });
}
