import { z } from 'zod';

/** What a release goes through, in this order. */
export const STAGES = ['validate', 'compile', 'store', 'gate', 'swap', 'announce', 'verify'] as const;
export const Stage = z.enum(STAGES);
export type Stage = z.infer<typeof Stage>;

/**
 * The one last word on a release. `rejected`: somebody or some rule said no. `errored`: something broke. `reverted`: it was live,
 * verification failed, and a new move took the pointer back.
 */
export const Outcome = z.enum(['published', 'rejected', 'errored', 'superseded', 'cancelled', 'reverted']);
export type Outcome = z.infer<typeof Outcome>;

/** Outcomes of a release that never became live. */
export type FailedOutcome = Exclude<Outcome, 'published' | 'reverted'>;

export const ReleaseStatus = z.enum(['waiting', 'running', 'settled']);
export type ReleaseStatus = z.infer<typeof ReleaseStatus>;

/** How one stage of one release went. */
export const StageState = z.enum(['running', 'passed', 'failed']);
export type StageState = z.infer<typeof StageState>;

/** What happens to a publish whose pointer already has a release in flight. */
export const ConflictRule = z.enum(['supersede', 'queue', 'reject']);
export type ConflictRule = z.infer<typeof ConflictRule>;

/** Outside effects that a release can have; each has a row in the effect ledger. */
export const Effect = z.enum([
  'artifact-claim',
  'check-request',
  'compile-request',
  'pointer-move',
  'announcement',
  'commit-status',
]);
export type Effect = z.infer<typeof Effect>;

/** `begun`: the call is being made, and nobody knows yet whether it arrived. `failed`: it did not, for good. */
export const EffectState = z.enum(['begun', 'done', 'failed', 'compensated', 'compensation_failed']);
export type EffectState = z.infer<typeof EffectState>;
