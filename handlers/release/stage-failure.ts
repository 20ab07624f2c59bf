import type { FailedOutcome } from '@pointsman/protocol/releases/release';

/** Why a release stops. */
export interface StageFailure {
  readonly outcome: FailedOutcome;
  /** A recorded intent to supersede or cancel the release takes precedence, if there is one. */
  readonly yieldsToIntent: boolean;
  readonly reason: string;
}

/** A person or a rule rejected the release. */
export function rejected(reason: string): StageFailure {
  return { outcome: 'rejected', yieldsToIntent: false, reason };
}

/** The release failed. */
export function errored(reason: string): StageFailure {
  return { outcome: 'errored', yieldsToIntent: false, reason };
}

/** Another release superseded this one, or it was cancelled. The record stores which. */
export function superseded(): StageFailure {
  return { outcome: 'superseded', yieldsToIntent: true, reason: 'another release took its place' };
}
