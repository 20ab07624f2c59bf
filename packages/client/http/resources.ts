import { z } from 'zod';

import { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { Gate, GateState, GateDecision } from '@pointsman/protocol/releases/gate';
import {
  BundleName,
  ChannelName,
  Digest,
  Generation,
  TenantName,
  Version,
} from '@pointsman/protocol/identifiers';
import { Move, Pointer } from '@pointsman/protocol/moves/pointer';
import { Outcome, ReleaseStatus, Stage, StageState, WaitingFor } from '@pointsman/protocol/releases/release';

/** The API's responses, as far as commands need them. The objects are loose: fields of a newer API are kept, and printed by `--json`. */

export const StageView = z.looseObject({
  stage: Stage,
  state: StageState,
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  diagnostics: z.array(Diagnostic).nullish(),
});
export type StageView = z.infer<typeof StageView>;

/** A stage in an event: one that has started has no end yet. */
export const StageEvent = StageView.extend({ finishedAt: z.string().nullable().default(null) });

export const GateView = z.looseObject({
  ...Gate.shape,
  // An older API does not send it.
  opensAt: Gate.shape.opensAt.default(null),
  decisions: z.array(z.looseObject(GateDecision.shape)),
});
export type GateView = z.infer<typeof GateView>;

/** The result of a decision. */
export const DecisionResult = z.looseObject({
  gate: z.string(),
  state: GateState,
  decisions: z.number().int(),
  needed: z.number().int(),
});
export type DecisionResult = z.infer<typeof DecisionResult>;

export const ReleaseView = z.looseObject({
  tenant: TenantName,
  bundle: BundleName,
  version: Version,
  channel: ChannelName,
  status: ReleaseStatus,
  waitingFor: z.array(z.looseObject(WaitingFor.shape)).default([]),
  stage: Stage.nullable(),
  outcome: Outcome.nullable(),
  reason: z.string().nullable(),
  source: Digest,
  digest: Digest.nullable(),
  generation: Generation.nullable(),
  createdAt: z.string(),
  by: z.string().nullish(),
  message: z.string().nullish(),
  stages: z.array(StageView).default([]),
  gates: z.array(GateView).default([]),
});
export type ReleaseView = z.infer<typeof ReleaseView>;

export const PointerView = z.looseObject(Pointer.shape);
export type PointerView = z.infer<typeof PointerView>;

/** A channel in the list of its bundle. */
export const ChannelView = PointerView.extend({ channel: ChannelName });

export const MoveView = z.looseObject({
  ...Move.shape,
  // An older API has no rollbacks in its history.
  restores: Move.shape.restores.default(null),
});
export type MoveView = z.infer<typeof MoveView>;

/** The preview of a rollback. */
export const RollbackView = z.looseObject({ pointer: PointerView, move: MoveView });
export type RollbackView = z.infer<typeof RollbackView>;
// An older API has no warnings.
const Warnings = z.array(Diagnostic).default([]);

export const DryRun = z.looseObject({
  valid: z.boolean(),
  digest: Digest.nullable(),
  diagnostics: z.array(Diagnostic),
  warnings: Warnings,
});

/** The response to a publish. */
export const AcceptedRelease = ReleaseView.extend({ warnings: Warnings });
export type AcceptedRelease = z.infer<typeof AcceptedRelease>;
