import { z } from 'zod';

import { GateKind } from '@pointsman/protocol/releases/gate';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { DecisionRequest, DecisionResult } from '../contract/release.ts';
import { Closed } from './stages.ts';

/** The port for the gates of a release. The rules of ports/deps.ts apply here too. */

/** A gate that the workflow waits for. */
export const WaitingGate = z.object({
  gate: z.string(),
  kind: GateKind,
  /** The URL of a check that Pointsman must request. Null for every other gate. */
  url: z.string().nullable(),
  statusText: z.string(),
  /**
   * The end of the wait, in epoch milliseconds. At that time the gate expires, except that a window or a
   * schedule passes.
   */
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
   * Returns the status of the gates. This call also expires gates past their deadline, and voids approvals if
   * the live release has changed since.
   */
  evaluate(id: ReleaseId, at: number): Promise<GateStatus>;
  /** Records one decision and applies its effects, in one transaction. Idempotent by its key. */
  recordDecision(id: ReleaseId, request: DecisionRequest & { at: number }): Promise<DecisionResult>;
}
