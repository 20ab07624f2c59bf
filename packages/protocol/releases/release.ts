import { z } from 'zod';

/** The stages of a release, in this order. */
export const STAGES = ['validate', 'compile', 'store', 'gate', 'swap', 'announce', 'verify'] as const;
export const Stage = z.enum(STAGES);
export type Stage = z.infer<typeof Stage>;

/** How a release ended. `rejected`: a person or a rule refused it. `errored`: an error occurred. */
export const Outcome = z.enum(['published', 'rejected', 'errored', 'superseded', 'cancelled']);
export type Outcome = z.infer<typeof Outcome>;

/** Outcomes of a release that never became live. */
export const FailedOutcome = Outcome.exclude(['published']);
export type FailedOutcome = z.infer<typeof FailedOutcome>;

/**
 * The status of a release. `queued`: another release of its pointer runs first. `running`: it is in one of
 * its stages. `waiting`: its stage waits for a person or another system, which {@link WaitingFor} describes.
 * `settled`: it has an outcome.
 */
export const ReleaseStatus = z.enum(['queued', 'running', 'waiting', 'settled']);
export type ReleaseStatus = z.infer<typeof ReleaseStatus>;

/**
 * A condition that a release waits for: a gate (by its kind), the outside compiler, sinks that must be
 * healthy before the pointer moves, or, while queued, the release ahead of it.
 */
export const WaitingFor = z.object({
  kind: z.enum(['approval', 'check', 'window', 'schedule', 'compiler', 'sink', 'release']),
  /**
   * The name of the gate, the number of the compile attempt, or the release ahead (`v7`). Null for sinks,
   * which `text` names.
   */
  name: z.string().nullable(),
  /** Describes what must happen, without the time in `until`. */
  text: z.string(),
  /**
   * The time at which the wait ends by itself, in ISO 8601: a deadline, or the opening of a window. Null if
   * there is no such time.
   */
  until: z.string().nullable(),
});
export type WaitingFor = z.infer<typeof WaitingFor>;

/** Whether a published release was verified after its move. Verification does not exist yet, so it is always skipped. */
export const Verification = z.enum(['skipped']);
export type Verification = z.infer<typeof Verification>;

/** The state of a stage. `skipped`: not needed. */
export const StageState = z.enum(['running', 'passed', 'failed', 'skipped']);
export type StageState = z.infer<typeof StageState>;

/** Determines how a publish is handled while its pointer already has a release in flight. */
export const ConflictRule = z.enum(['supersede', 'queue', 'reject']);
export type ConflictRule = z.infer<typeof ConflictRule>;

/** Effects of a release on outside systems. Each has a row in the effect ledger. */
export const Effect = z.enum([
  'artifact-claim',
  'check-request',
  'compile-request',
  'pointer-move',
  'announcement',
  'commit-status',
]);
export type Effect = z.infer<typeof Effect>;

/** `started`: the call has started, and its outcome is not known yet. `failed`: it failed permanently. */
export const EffectState = z.enum(['started', 'done', 'failed', 'compensated', 'compensation_failed']);
export type EffectState = z.infer<typeof EffectState>;
