import { z } from 'zod';

import { GateKind } from '@pointsman/protocol/releases/gate';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { DecisionRequest, DecisionResult } from '../contract/release.ts';
import { Closed } from './stages.ts';

/** The port for the gates of a release. The rules for all ports at the top of ports/deps.ts apply. */

/** A gate that the release's workflow waits for. */
export const WaitingGate = z.object({
  gate: z.string(),
  kind: GateKind,
  /**
   * For a check that Pointsman must request: the URL to which the request is sent. Null for every other gate.
   */
  url: z.string().nullable(),
  statusText: z.string(),
  /**
   * The time at which the wait ends, in epoch milliseconds. An approval or a check then expires. A window or
   * a schedule then passes.
   */
  deadlineMs: z.number().int(),
});
export type WaitingGate = z.infer<typeof WaitingGate>;

/** The combined status of all gates of a release. */
export const GateStatus = z.discriminatedUnion('kind', [
  /**
   * The release waits for these gates. `gatesDecided` counts the decisions so far, so the next decision
   * resolves the promise with the number `gatesDecided` + 1.
   */
  z.object({ kind: z.literal('waiting'), gatesDecided: z.number().int(), gates: z.array(WaitingGate) }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
  Closed,
  /** All gates have passed, and the pointer may move. */
  z.object({ kind: z.literal('passed') }),
]);
export type GateStatus = z.infer<typeof GateStatus>;

export interface Gates {
  /**
   * Returns the status of the gates. Before that, it expires the gates whose deadline has passed, and voids
   * the approvals if another release went live after they were given.
   */
  evaluate(id: ReleaseId, at: number): Promise<GateStatus>;
  /**
   * Records one decision and applies its effects, in one transaction. Idempotent by the request's idempotency
   * key.
   */
  recordDecision(id: ReleaseId, request: DecisionRequest & { at: number }): Promise<DecisionResult>;
}
