import { z } from 'zod';

/** What a release goes through, in this order. */
export const STAGES = ['validate', 'compile', 'store', 'gate', 'swap', 'announce', 'verify'] as const;
export const Stage = z.enum(STAGES);
export type Stage = z.infer<typeof Stage>;

/** How a release ended. `rejected`: a person or a rule said no. `errored`: something broke. */
export const Outcome = z.enum(['published', 'rejected', 'errored', 'superseded', 'cancelled']);
export type Outcome = z.infer<typeof Outcome>;

/** Outcomes of a release that never became live. */
export type FailedOutcome = Exclude<Outcome, 'published'>;

/**
 * What a release is doing. `queued`: another release of its pointer is in front of it. `running`: it is in one of its stages. `waiting`: it is in a
 * stage that can only end when something outside happens, which {@link WaitingFor} names. `settled`: it has an outcome.
 */
export const ReleaseStatus = z.enum(['queued', 'running', 'waiting', 'settled']);
export type ReleaseStatus = z.infer<typeof ReleaseStatus>;

/**
 * One thing that a release waits for: a gate, by its kind; the compiler that the policy names; sinks that have to be well before the pointer
 * moves; or, while it is queued, the release in front of it.
 */
export const WaitingFor = z.object({
  kind: z.enum(['approval', 'check', 'window', 'schedule', 'compiler', 'sink', 'release']),
  /** The gate; the attempt at compiling; the release in front (`v7`). Null for sinks, which `text` names. */
  name: z.string().nullable(),
  /** What has to happen, in words, without the time in `until`. */
  text: z.string(),
  /** When the wait ends by itself, as an ISO 8601 time: a deadline, or the opening of a window. Null when nothing ends it. */
  until: z.string().nullable(),
});
export type WaitingFor = z.infer<typeof WaitingFor>;

/** Whether a published release was verified after its move. Nothing verifies yet, so that it is always skipped. */
export const Verification = z.enum(['skipped']);
export type Verification = z.infer<typeof Verification>;

/** How one stage of one release went. `skipped`: nothing asked for it, and nothing was done. */
export const StageState = z.enum(['running', 'passed', 'failed', 'skipped']);
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
