import type { FailedOutcome } from '@pointsman/protocol/releases/release';

/** The outcome with which a release stops before its swap, and the reason. */
export interface StageFailure {
  readonly outcome: FailedOutcome;
  /**
   * If true, and the database has recorded that the release must be superseded or cancelled, the release gets
   * that outcome instead of `outcome`.
   */
  readonly yieldsToIntent: boolean;
  readonly reason: string;
}

/** Returns the failure of a release that a person or a rule rejected. */
export function rejected(reason: string): StageFailure {
  return { outcome: 'rejected', yieldsToIntent: false, reason };
}

/** Returns the failure of a release in which an error occurred. */
export function errored(reason: string): StageFailure {
  return { outcome: 'errored', yieldsToIntent: false, reason };
}

/**
 * Returns the failure of a release that was superseded or cancelled. The database records which of the two
 * happened.
 */
export function superseded(): StageFailure {
  return { outcome: 'superseded', yieldsToIntent: true, reason: 'another release took its place' };
}
