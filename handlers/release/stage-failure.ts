import type { FailedOutcome } from '../../core/releases/release.ts';

/** Why a release goes no further. */
export interface StageFailure {
  readonly outcome: FailedOutcome;
  /** Gives way to what was asked for, if anything was: a supersede, or a cancel with its reason. */
  readonly yieldsToIntent: boolean;
  readonly reason: string;
}

/** Somebody or some rule said no. */
export function rejected(reason: string): StageFailure {
  return { outcome: 'rejected', yieldsToIntent: false, reason };
}

/** Something broke. */
export function errored(reason: string): StageFailure {
  return { outcome: 'errored', yieldsToIntent: false, reason };
}

/** Another release has its place, or it is to be cancelled; which of them, the record knows. */
export function superseded(): StageFailure {
  return { outcome: 'superseded', yieldsToIntent: true, reason: 'another release took its place' };
}
