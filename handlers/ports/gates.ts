import { z } from 'zod';

import { GateKind } from '@pointsman/protocol/releases/gate';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { DecisionRequest, DecisionResult } from '../contract/release.ts';
import { Closed } from './stages.ts';

/** The gates of a release. The rules of ports/deps.ts apply here too. */

/** A gate that the workflow waits for: its description, and the end of the wait. */
export const WaitingGate = z.object({
  gate: z.string(),
  kind: GateKind,
  /** Set for a check that Pointsman must request. */
  url: z.string().nullable(),
  statusText: z.string(),
  /** The end of the wait. At that time the gate expires; a time gate passes instead. */
  deadlineMs: z.number().int(),
});
export type WaitingGate = z.infer<typeof WaitingGate>;

/** The status of a release's gates. */
export const GateStatus = z.discriminatedUnion('kind', [
  /** The next decision has the number `gatesDecided` + 1. */
  z.object({ kind: z.literal('waiting'), gatesDecided: z.number().int(), gates: z.array(WaitingGate) }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
  Closed,
  /** All gates have passed, and the pointer may move. */
  z.object({ kind: z.literal('passed') }),
]);
export type GateStatus = z.infer<typeof GateStatus>;

export interface Gates {
  /**
   * Returns the status of the gates. Gates past their deadline expire in this call. Approvals given for
   * another live release become void.
   */
  evaluate(id: ReleaseId, at: number): Promise<GateStatus>;
  /** Records one decision, in one transaction with all its effects. Idempotent under its key. */
  recordDecision(id: ReleaseId, request: DecisionRequest & { at: number }): Promise<DecisionResult>;
}
