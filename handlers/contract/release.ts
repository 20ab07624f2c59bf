import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Role } from '@pointsman/protocol/access';
import { CheckReport } from '@pointsman/protocol/callouts/check-request';
import { CompileReport } from '@pointsman/protocol/callouts/compile-job';
import { Conclusion, Decision, GateState } from '@pointsman/protocol/releases/gate';
import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { ChannelName, Digest, Generation } from '@pointsman/protocol/identifiers';
import { Outcome } from '@pointsman/protocol/releases/release';
import { RequestIdentity, Stale } from './tenant.ts';

export const ReleaseInput = z.object({ channel: ChannelName, source: Digest });
export type ReleaseInput = z.infer<typeof ReleaseInput>;

export const ReleaseResult = z.object({ outcome: Outcome, reason: z.string().nullable() });
export type ReleaseResult = z.infer<typeof ReleaseResult>;

/**
 * A decision on one of the release's gates. The database decides its effect, in
 * services/postgres/functions/decisions.sql.
 */
export const DecisionRequest = RequestIdentity.extend({
  kind: z.enum(['approval', 'check']),
  /** Null selects the only approval gate, or the only approval gate that is still open. */
  gate: z.string().nullable(),
  decision: z.union([Decision, Conclusion]),
  /** The artifact that the decision applies to. Null when the gate is bound to the release alone. */
  digest: Digest.nullable(),
  /** For an approval: the generation of the pointer that the approver compared this release with. */
  ifGeneration: Generation.nullable().optional(),
  roles: z.array(Role),
  /**
   * For a check with a URL: the decision is the response to Pointsman's own request, or reports that the
   * request failed. No token can set this field.
   */
  answersRequest: z.boolean().optional(),
  comment: z.string().nullable(),
  url: z.string().nullable(),
});
export type DecisionRequest = z.infer<typeof DecisionRequest>;

export const DecisionResult = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('recorded'),
    gate: z.string(),
    state: GateState,
    decisions: z.number().int(),
    needed: z.number().int(),
    /** The number of the promise that this decision resolves. Null while the gate needs more decisions. */
    decisionNumber: z.number().int().nullable(),
    replayed: z.boolean(),
  }),
  /** The gate is already decided. The earlier decision stays. */
  z.object({
    kind: z.literal('decided'),
    gate: z.string(),
    state: GateState,
    by: z.string(),
    decision: z.string(),
    at: z.string(),
  }),
  /** The same person has already decided this gate. Each person has one decision per gate. */
  z.object({ kind: z.literal('already_decided'), gate: z.string(), decision: z.string(), at: z.string() }),
  z.object({ kind: z.literal('expired'), gate: z.string(), deadlineAt: z.string() }),
  z.object({ kind: z.literal('settled'), outcome: Outcome }),
  /** The release has not reached its gates yet. */
  z.object({ kind: z.literal('not_open'), status: z.enum(['queued', 'running']) }),
  z.object({ kind: z.literal('no_gate') }),
  /** The release has several gates, and the request named none of them. */
  z.object({ kind: z.literal('which'), gates: z.array(z.string()) }),
  z.object({ kind: z.literal('wrong_digest'), digest: Digest }),
  /** The pointer has moved since the approver saw it. */
  Stale,
  z.object({ kind: z.literal('wrong_role'), gate: z.string(), role: z.string() }),
  /** Four-eyes rule: an author can't approve their own release. */
  z.object({ kind: z.literal('author'), gate: z.string() }),
  /**
   * The caller may not report this check. For a check without a URL, the caller is the author. For a check
   * with a URL, the token is not an admin's. `role`: the role that may report it.
   */
  z.object({ kind: z.enum(['own_check', 'asked_check']), gate: z.string(), role: Role }),
  z.object({ kind: z.literal('no_release') }),
  KeyReused,
]);
export type DecisionResult = z.infer<typeof DecisionResult>;

/** A report that arrived at a callback address, once the address was matched to this release. */
export const CallbackRequest = z.object({
  callback: z.string(),
  report: z.discriminatedUnion('purpose', [
    z.object({ purpose: z.literal('check'), content: CheckReport }),
    z.object({ purpose: z.literal('compile'), content: CompileReport }),
  ]),
  /** Digest of the report. The same report sent again is idempotent. */
  fingerprint: Digest,
  requestId: z.string(),
});
export type CallbackRequest = z.infer<typeof CallbackRequest>;

/** Why a callback address rejects a report. */
export const CallbackRefusal = z.discriminatedUnion('kind', [
  /** The address has already received its report. That report stays valid. */
  z.object({ kind: z.literal('used'), result: z.string(), at: z.string() }),
  z.object({ kind: z.literal('expired'), deadlineAt: z.string() }),
  z.object({ kind: z.literal('revoked'), reason: z.string() }),
]);
export type CallbackRefusal = z.infer<typeof CallbackRefusal>;

export const CallbackResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('taken'), replayed: z.boolean() }),
  ...CallbackRefusal.options,
  /** The compile report is incomplete, so nothing was recorded. */
  z.object({ kind: z.literal('unfit'), missing: z.array(Digest), problems: z.array(z.string()) }),
]);
export type CallbackResult = z.infer<typeof CallbackResult>;

/** The name of the promise that the release's n-th gate decision resolves. */
export function gateDecisionPromise(n: number): string {
  return `gate decision ${n}`;
}

/** The state key that describes, for operators, what a waiting release waits for. */
export const WAITING_FOR = 'waitingFor';

/**
 * Workflow, key = tenant/bundle/vN. `run` executes the stages from top to bottom. While it waits,
 * `recordDecision` accepts gate decisions, and `recordCallback` accepts reports from the external systems
 * that Pointsman called.
 */
export const Release = iface.workflow('Release', {
  run: iface.schemas({ input: ReleaseInput, output: ReleaseResult }),
  recordDecision: iface.shared.schemas({ input: DecisionRequest, output: DecisionResult }),
  recordCallback: iface.shared.schemas({ input: CallbackRequest, output: CallbackResult }),
});
