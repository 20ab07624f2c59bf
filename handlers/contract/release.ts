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
 * A decision on one of the release's gates. The SQL functions in services/postgres/functions/decisions.sql
 * apply it.
 */
export const DecisionRequest = RequestIdentity.extend({
  kind: z.enum(['approval', 'check']),
  /**
   * The name of the gate. Null selects the release's approval gate if it has only one, or the only approval
   * gate that is still open.
   */
  gate: z.string().nullable(),
  decision: z.union([Decision, Conclusion]),
  /**
   * The digest of the artifact that the caller reviewed. Null if the decision does not depend on the
   * artifact.
   */
  digest: Digest.nullable(),
  /** For an approval: the pointer's generation when the approver compared this release with the live one. */
  ifGeneration: Generation.nullable().optional(),
  roles: z.array(Role),
  /**
   * True if the decision results from a request that Pointsman sent to the check's URL: the check reported,
   * or the request failed. API clients can't set this field.
   */
  fromCallout: z.boolean().optional(),
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
    /**
     * The number of the durable promise that this decision resolves (see {@link gateDecisionPromise}). Null
     * while the gate needs further decisions.
     */
    decisionNumber: z.number().int().nullable(),
    replayed: z.boolean(),
  }),
  /** The gate is already decided. The earlier decision remains in effect. */
  z.object({
    kind: z.literal('decided'),
    gate: z.string(),
    state: GateState,
    by: z.string(),
    decision: z.string(),
    at: z.string(),
  }),
  /** The caller has already decided this gate. Each person may decide a gate once. */
  z.object({ kind: z.literal('already_decided'), gate: z.string(), decision: z.string(), at: z.string() }),
  z.object({ kind: z.literal('expired'), gate: z.string(), deadlineAt: z.string() }),
  z.object({ kind: z.literal('settled'), outcome: Outcome }),
  /** The release has not reached its gates, so they accept no decisions yet. */
  z.object({ kind: z.literal('not_open'), status: z.enum(['queued', 'running']) }),
  z.object({ kind: z.literal('no_gate') }),
  /** The request does not name a gate, and more than one gate could be meant. */
  z.object({ kind: z.literal('which'), gates: z.array(z.string()) }),
  z.object({ kind: z.literal('wrong_digest'), digest: Digest }),
  /** The pointer has moved since the approver compared this release with the live one. */
  Stale,
  z.object({ kind: z.literal('wrong_role'), gate: z.string(), role: z.string() }),
  /** The caller is the author of the release. An author can't approve their own release (four-eyes rule). */
  z.object({ kind: z.literal('author'), gate: z.string() }),
  /**
   * The caller may not report the result of this check. `own_check`: the check has no URL, and the caller is
   * the author of the release. `asked_check`: Pointsman requests the result from the check's URL, so only an
   * admin token may report it directly. `role` is the role that may report it.
   */
  z.object({ kind: z.enum(['own_check', 'asked_check']), gate: z.string(), role: Role }),
  z.object({ kind: z.literal('no_release') }),
  KeyReused,
]);
export type DecisionResult = z.infer<typeof DecisionResult>;

/** A report that an external system posted to one of this release's callback addresses. */
export const CallbackRequest = z.object({
  callback: z.string(),
  report: z.discriminatedUnion('purpose', [
    z.object({ purpose: z.literal('check'), content: CheckReport }),
    z.object({ purpose: z.literal('compile'), content: CompileReport }),
  ]),
  /** The digest of the report. If a report with this digest is already recorded, it has no further effect. */
  fingerprint: Digest,
  requestId: z.string(),
});
export type CallbackRequest = z.infer<typeof CallbackRequest>;

/** The reasons for which a callback address rejects a report. */
export const CallbackRefusal = z.discriminatedUnion('kind', [
  /** The address has already accepted a different report, which remains valid. */
  z.object({ kind: z.literal('used'), result: z.string(), at: z.string() }),
  z.object({ kind: z.literal('expired'), deadlineAt: z.string() }),
  z.object({ kind: z.literal('revoked'), reason: z.string() }),
]);
export type CallbackRefusal = z.infer<typeof CallbackRefusal>;

export const CallbackResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('taken'), replayed: z.boolean() }),
  ...CallbackRefusal.options,
  /**
   * The compile report can't be used: blobs are missing, or its content has problems. Nothing was recorded.
   */
  z.object({ kind: z.literal('unfit'), missing: z.array(Digest), problems: z.array(z.string()) }),
]);
export type CallbackResult = z.infer<typeof CallbackResult>;

/** Returns the name of the durable promise that the n-th decision on the release's gates resolves. */
export function gateDecisionPromise(n: number): string {
  return `gate decision ${n}`;
}

/**
 * The state key under which a waiting release stores a description of what it waits for. Only operators read
 * it.
 */
export const WAITING_FOR = 'waitingFor';

/**
 * Workflow, key = tenant/bundle/vN. `run` executes the stages in order. While `run` waits, `recordDecision`
 * accepts gate decisions, and `recordCallback` accepts the reports of external systems to which Pointsman
 * sent a request.
 */
export const Release = iface.workflow('Release', {
  run: iface.schemas({ input: ReleaseInput, output: ReleaseResult }),
  recordDecision: iface.shared.schemas({ input: DecisionRequest, output: DecisionResult }),
  recordCallback: iface.shared.schemas({ input: CallbackRequest, output: CallbackResult }),
});
