import type { FailedOutcome } from '@pointsman/protocol/releases/release';

/** The reason why a release stops before its swap. */
export interface StageFailure {
  readonly outcome: FailedOutcome;
  /** True if a recorded intent to supersede or cancel the release takes precedence over this failure. */
  readonly yieldsToIntent: boolean;
  readonly reason: string;
}

/** A failure because a person or a rule rejected the release. */
export function rejected(reason: string): StageFailure {
  return { outcome: 'rejected', yieldsToIntent: false, reason };
}

/** A failure because an error occurred. */
export function errored(reason: string): StageFailure {
  return { outcome: 'errored', yieldsToIntent: false, reason };
}

/** A failure because the release was superseded or cancelled. The database stores which of the two. */
export function superseded(): StageFailure {
  return { outcome: 'superseded', yieldsToIntent: true, reason: 'another release took its place' };
}
