import { z } from 'zod';

import { Digest, Generation } from '../identifiers.ts';

/** What must be said before the swap. `schedule` is a release's own "not before". */
export const GateKind = z.enum(['approval', 'check', 'window', 'schedule']);
export type GateKind = z.infer<typeof GateKind>;

/** `expired`: nobody said it in time. `closed`: the release ended for another reason. */
export const GateState = z.enum(['open', 'passed', 'failed', 'expired', 'closed']);
export type GateState = z.infer<typeof GateState>;

/** A person's word. */
export const Decision = z.enum(['approve', 'reject']);
export type Decision = z.infer<typeof Decision>;

/** A machine's word. */
export const Conclusion = z.enum(['success', 'failure']);
export type Conclusion = z.infer<typeof Conclusion>;

/** Somebody's word on a gate, as it is shown. A void one counts no more: what is live has changed since. */
export const Verdict = z.object({
  by: z.string(),
  word: z.union([Decision, Conclusion]),
  comment: z.string().nullable(),
  url: z.string().nullable(),
  at: z.string(),
  void: z.boolean(),
});
export type Verdict = z.infer<typeof Verdict>;

/**
 * What can happen to a gate. `voided`: approvals count no more, since what is live has changed, and it is open again. `opened` a second
 * time: another freeze has begun.
 */
const GateChangeKind = z.enum(['opened', 'said', 'voided', 'passed', 'failed', 'expired', 'closed']);

/** Something that happened to a gate of a release, as it is told. What was said stands beside who said it. */
export const GateChange = z.object({
  /** From 1, without gaps, over all gates of the release. */
  n: z.number().int().min(1),
  gate: z.string(),
  kind: GateKind,
  change: GateChangeKind,
  by: z.string().nullable(),
  word: z.union([Decision, Conclusion]).nullable(),
  comment: z.string().nullable(),
  url: z.string().nullable(),
  at: z.string(),
});
export type GateChange = z.infer<typeof GateChange>;

/** One gate of one release, as it is shown. */
export const Gate = z.object({
  gate: z.string(),
  kind: GateKind,
  state: GateState,
  /** In words: for whom or what it waits, without the deadline, or what happened. */
  says: z.string(),
  openedAt: z.string(),
  /** When it settles the release as rejected unless it has passed; for windows and schedules, which only delay, null. */
  deadlineAt: z.string().nullable(),
  /** When a window or a schedule that waits lets the release through, as far as is known now; null for the others. */
  opensAt: z.string().nullable(),
  decidedAt: z.string().nullable(),
  /** Approvals: the generation of the pointer that they are given against. */
  baseGeneration: Generation.nullable(),
  needed: z.number().int().nullable(),
  verdicts: z.array(Verdict),
});
export type Gate = z.infer<typeof Gate>;

/** A gate that waits, with its release. */
export const OpenGate = Gate.extend({
  bundle: z.string(),
  version: z.number().int(),
  channel: z.string(),
  digest: Digest,
  author: z.string(),
});
export type OpenGate = z.infer<typeof OpenGate>;
