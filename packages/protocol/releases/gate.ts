import { z } from 'zod';

import { Digest, Generation } from '../identifiers.ts';

/** The kinds of gates. `schedule` is the release's own `notBefore`. */
export const GateKind = z.enum(['approval', 'check', 'window', 'schedule']);
export type GateKind = z.infer<typeof GateKind>;

/** `expired`: the deadline passed without enough decisions. `closed`: the release ended for another reason. */
export const GateState = z.enum(['open', 'passed', 'failed', 'expired', 'closed']);
export type GateState = z.infer<typeof GateState>;

/** The decision of a person. */
export const Decision = z.enum(['approve', 'reject']);
export type Decision = z.infer<typeof Decision>;

/** The result that a machine reports for a check. */
export const Conclusion = z.enum(['success', 'failure']);
export type Conclusion = z.infer<typeof Conclusion>;

/**
 * A decision on a gate, as the API shows it. A voided decision does not count, because the live release has
 * changed since.
 */
export const GateDecision = z.object({
  by: z.string(),
  decision: z.union([Decision, Conclusion]),
  comment: z.string().nullable(),
  url: z.string().nullable(),
  at: z.string(),
  void: z.boolean(),
});
export type GateDecision = z.infer<typeof GateDecision>;

/**
 * A change of a gate. `voided`: approvals no longer count because the live release has changed, and the gate
 * is open again. A gate is `opened` a second time if another freeze has started.
 */
const GateChangeKind = z.enum(['opened', 'decided', 'voided', 'passed', 'failed', 'expired', 'closed']);

/**
 * A change of a release's gate, as sent to clients that follow the release. A decision includes its author.
 */
export const GateChange = z.object({
  /** The number of the change, starting at 1 and without gaps, over all gates of the release. */
  n: z.number().int().min(1),
  gate: z.string(),
  kind: GateKind,
  change: GateChangeKind,
  by: z.string().nullable(),
  decision: z.union([Decision, Conclusion]).nullable(),
  comment: z.string().nullable(),
  url: z.string().nullable(),
  at: z.string(),
});
export type GateChange = z.infer<typeof GateChange>;

/** A gate of a release, as the API shows it. */
export const Gate = z.object({
  gate: z.string(),
  kind: GateKind,
  state: GateState,
  /** Describes what the gate waits for (without the deadline), or how it was decided. */
  statusText: z.string(),
  openedAt: z.string(),
  /**
   * The time at which the release is rejected unless the gate has passed. Null for windows and schedules,
   * which only delay a release.
   */
  deadlineAt: z.string().nullable(),
  /** The time at which a waiting window or schedule is expected to open. Null for the other kinds. */
  opensAt: z.string().nullable(),
  decidedAt: z.string().nullable(),
  /** For approvals: the generation of the pointer to which the approvals apply. */
  baseGeneration: Generation.nullable(),
  needed: z.number().int().nullable(),
  decisions: z.array(GateDecision),
});
export type Gate = z.infer<typeof Gate>;

/** A gate that is still open, and its release. */
export const OpenGate = Gate.extend({
  bundle: z.string(),
  version: z.number().int(),
  channel: z.string(),
  digest: Digest,
  author: z.string(),
});
export type OpenGate = z.infer<typeof OpenGate>;
