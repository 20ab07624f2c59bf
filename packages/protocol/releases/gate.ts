import { z } from 'zod';

import { Digest, Generation } from '../identifiers.ts';

/**
 * The kinds of gates. `approval`: people must approve. `check`: an automated check must succeed. `window`:
 * the pointer must not move during a freeze. `schedule`: the release's own `notBefore` must have passed.
 */
export const GateKind = z.enum(['approval', 'check', 'window', 'schedule']);
export type GateKind = z.infer<typeof GateKind>;

/**
 * The state of a gate. `expired`: the deadline has passed without enough decisions. `closed`: the release
 * ended for a reason other than this gate.
 */
export const GateState = z.enum(['open', 'passed', 'failed', 'expired', 'closed']);
export type GateState = z.infer<typeof GateState>;

/** The decision of a person on a gate. */
export const Decision = z.enum(['approve', 'reject']);
export type Decision = z.infer<typeof Decision>;

/** The result of a check, as a machine reports it. */
export const Conclusion = z.enum(['success', 'failure']);
export type Conclusion = z.infer<typeof Conclusion>;

/**
 * A decision on a gate, as the API returns it. A decision that is void no longer counts, because another
 * release went live after it.
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
 * The kind of change of a gate. `voided`: its approvals no longer count, because another release went live,
 * and the gate is open again. `opened` happens a second time if another freeze begins.
 */
const GateChangeKind = z.enum(['opened', 'decided', 'voided', 'passed', 'failed', 'expired', 'closed']);

/**
 * A change of a gate, as it is sent to clients that follow the release. `by` is the author if the change is a
 * decision.
 */
export const GateChange = z.object({
  /** The number of the change. It counts the changes of all gates of the release, from 1 and without gaps. */
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

/** A gate of a release, with its state and its decisions. */
export const Gate = z.object({
  gate: z.string(),
  kind: GateKind,
  state: GateState,
  /** Describes what the gate waits for, without the deadline, or how it was decided. */
  statusText: z.string(),
  openedAt: z.string(),
  /**
   * The time at which the release is rejected if the gate has not passed. Null for windows and schedules,
   * which only delay a release.
   */
  deadlineAt: z.string().nullable(),
  /**
   * The time at which an open gate of the kind schedule passes, or at which the active freeze of a window
   * ends. Null for a window without an active freeze, and for other kinds of gates.
   */
  opensAt: z.string().nullable(),
  decidedAt: z.string().nullable(),
  /**
   * For an approval: the pointer's generation for which the approvals are valid. They become void when the
   * pointer has another generation.
   */
  baseGeneration: Generation.nullable(),
  needed: z.number().int().nullable(),
  decisions: z.array(GateDecision),
});
export type Gate = z.infer<typeof Gate>;

/** A gate that is still open, with the release that waits for it. */
export const OpenGate = Gate.extend({
  bundle: z.string(),
  version: z.number().int(),
  channel: z.string(),
  digest: Digest,
  author: z.string(),
});
export type OpenGate = z.infer<typeof OpenGate>;
