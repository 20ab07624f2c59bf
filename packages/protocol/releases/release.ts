import { z } from 'zod';

/** The stages of a release, in the order in which they run. */
export const STAGES = ['validate', 'compile', 'store', 'gate', 'swap', 'announce', 'verify'] as const;
export const Stage = z.enum(STAGES);
export type Stage = z.infer<typeof Stage>;

/**
 * The outcome of a release. `unchanged`: its artifact was live already, so the pointer did not move.
 * `rejected`: a person or a rule rejected it. `errored`: an error occurred. `superseded`: a newer release of
 * the same pointer replaced it.
 */
export const Outcome = z.enum(['published', 'unchanged', 'rejected', 'errored', 'superseded', 'cancelled']);
export type Outcome = z.infer<typeof Outcome>;

/** The outcomes of a release whose artifact is not live. */
export const FailedOutcome = Outcome.exclude(['published', 'unchanged']);
export type FailedOutcome = z.infer<typeof FailedOutcome>;

/**
 * The status of a release. `queued`: another release of its pointer must settle first. `running`: a stage is
 * in progress. `waiting`: a stage waits for a person or another system, which {@link WaitingFor} describes.
 * `settled`: the release has an outcome.
 */
export const ReleaseStatus = z.enum(['queued', 'running', 'waiting', 'settled']);
export type ReleaseStatus = z.infer<typeof ReleaseStatus>;

/**
 * One thing that a release waits for. The kind is that of a gate, `compiler` for an external compiler, or
 * `sink` for sinks that must be healthy before the pointer moves. A queued release waits for the `release`
 * before it.
 */
export const WaitingFor = z.object({
  kind: z.enum(['approval', 'check', 'window', 'schedule', 'compiler', 'sink', 'release']),
  /**
   * The name of the gate, the number of the compile attempt, or the release before it in the queue (`v7`).
   * Null for sinks, whose names are in `text`.
   */
  name: z.string().nullable(),
  /** Describes what must happen, without the time that `until` contains. */
  text: z.string(),
  /**
   * The time at which the wait ends by itself, in ISO 8601: a deadline, or the time at which a window opens.
   * Null if there is no such time.
   */
  until: z.string().nullable(),
});
export type WaitingFor = z.infer<typeof WaitingFor>;

/**
 * Whether a release was verified after its pointer moved. Verification is not implemented yet, so the value
 * is always `skipped`.
 */
export const Verification = z.enum(['skipped']);
export type Verification = z.infer<typeof Verification>;

/** The state of a stage. `skipped`: the release did not need this stage. */
export const StageState = z.enum(['running', 'passed', 'failed', 'skipped']);
export type StageState = z.infer<typeof StageState>;

/**
 * The rule for a publish whose pointer already has a release in flight. `supersede`: the new release replaces
 * it. `queue`: the new release waits for it. `reject`: the publish is rejected.
 */
export const ConflictRule = z.enum(['supersede', 'queue', 'reject']);
export type ConflictRule = z.infer<typeof ConflictRule>;

/**
 * The kinds of effects that a release can have outside of its workflow. Each effect has a row in the effect
 * ledger.
 */
export const Effect = z.enum([
  'artifact-claim',
  'check-request',
  'compile-request',
  'pointer-move',
  'announcement',
  'commit-status',
]);
export type Effect = z.infer<typeof Effect>;

/**
 * The state of an effect. `started`: the call has started, and its result is not known yet. `failed`: it
 * failed permanently. `compensated`: it was undone.
 */
export const EffectState = z.enum(['started', 'done', 'failed', 'compensated', 'compensation_failed']);
export type EffectState = z.infer<typeof EffectState>;
