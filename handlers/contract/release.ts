import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Role } from '../../core/access.ts';
import { CheckReport } from '../../core/gates/check-request.ts';
import { CompileReport } from '../../core/compile-job.ts';
import { Conclusion, Decision, GateState } from '../../core/gates/gate.ts';
import { KeyReused } from '../../core/idempotency-key.ts';
import { ChannelName, Digest, Generation } from '../../core/identifiers.ts';
import { Outcome } from '../../core/releases/release.ts';
import { RequestIdentity, Stale } from './tenant.ts';

export const ReleaseInput = z.object({ channel: ChannelName, source: Digest });
export type ReleaseInput = z.infer<typeof ReleaseInput>;

export const ReleaseResult = z.object({ outcome: Outcome, reason: z.string().nullable() });
export type ReleaseResult = z.infer<typeof ReleaseResult>;

/** Somebody's word on a gate of the release, which the record decides about: see `hear` in services/postgres/functions/decisions.sql. */
export const DecisionRequest = RequestIdentity.extend({
  kind: z.enum(['approval', 'check']),
  /** Null: the only approval there is, or the only one that is still open. */
  gate: z.string().nullable(),
  word: z.union([Decision, Conclusion]),
  /** The artifact that the word is about; null where the gate is bound to the release alone. */
  digest: Digest.nullable(),
  /** An approval: the generation of the pointer whose release it was compared with. */
  ifGeneration: Generation.nullable().optional(),
  roles: z.array(Role),
  /** A check with a URL: this is the answer to Pointsman's own request, or says that the request failed. No token can set it. */
  answersRequest: z.boolean().optional(),
  comment: z.string().nullable(),
  url: z.string().nullable(),
});
export type DecisionRequest = z.infer<typeof DecisionRequest>;

export const DecisionResult = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('heard'),
    gate: z.string(),
    state: GateState,
    said: z.number().int(),
    needed: z.number().int(),
    /** Which of the release's promises this word settles; null while the gate needs more words. */
    wake: z.number().int().nullable(),
    replayed: z.boolean(),
  }),
  /** The gate has its answer already, and it stands. */
  z.object({
    kind: z.literal('decided'),
    gate: z.string(),
    state: GateState,
    by: z.string(),
    word: z.string(),
    at: z.string(),
  }),
  /** By the same person, who has one word a gate. */
  z.object({ kind: z.literal('already_said'), gate: z.string(), word: z.string(), at: z.string() }),
  z.object({ kind: z.literal('expired'), gate: z.string(), deadlineAt: z.string() }),
  z.object({ kind: z.literal('settled'), outcome: Outcome }),
  /** The release has not come so far yet. */
  z.object({ kind: z.literal('not_open'), status: z.enum(['queued', 'running']) }),
  z.object({ kind: z.literal('no_gate') }),
  /** There are several, and none was named. */
  z.object({ kind: z.literal('which'), gates: z.array(z.string()) }),
  z.object({ kind: z.literal('wrong_digest'), digest: Digest }),
  /** The pointer is no longer where the approver saw it. */
  Stale,
  z.object({ kind: z.literal('wrong_role'), gate: z.string(), role: z.string() }),
  /** Four eyes: its author can't approve a release. */
  z.object({ kind: z.literal('author'), gate: z.string() }),
  /** Who may not report a check: the author, where it has no URL; any token but an admin's, where it has one. `role`: who may. */
  z.object({ kind: z.enum(['own_check', 'asked_check']), gate: z.string(), role: Role }),
  z.object({ kind: z.literal('no_release') }),
  KeyReused,
]);
export type DecisionResult = z.infer<typeof DecisionResult>;

/** What came to an address that somebody else was given, once it was found to be this release's. */
export const CallbackRequest = z.object({
  callback: z.string(),
  report: z.discriminatedUnion('purpose', [
    z.object({ purpose: z.literal('check'), said: CheckReport }),
    z.object({ purpose: z.literal('compile'), said: CompileReport }),
  ]),
  /** Digest of what was said: the same once more is no second answer. */
  fingerprint: Digest,
  requestId: z.string(),
});
export type CallbackRequest = z.infer<typeof CallbackRequest>;

/** Why an address takes nothing more. */
export const CallbackRefusal = z.discriminatedUnion('kind', [
  /** It has had its answer, and that one stands. */
  z.object({ kind: z.literal('used'), said: z.string(), at: z.string() }),
  z.object({ kind: z.literal('expired'), deadlineAt: z.string() }),
  z.object({ kind: z.literal('revoked'), reason: z.string() }),
]);
export type CallbackRefusal = z.infer<typeof CallbackRefusal>;

export const CallbackResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('taken'), replayed: z.boolean() }),
  ...CallbackRefusal.options,
  /** Nothing was taken: what was said to be compiled is not whole. */
  z.object({ kind: z.literal('unfit'), missing: z.array(Digest), problems: z.array(z.string()) }),
]);
export type CallbackResult = z.infer<typeof CallbackResult>;

/** The promise of a release that its n-th word settles. */
export function gateDecisionPromise(n: number): string {
  return `gate decision ${n}`;
}

/** The state key under which a waiting release says, in words, what it waits for. */
export const WAITING_FOR = 'waitingFor';

/**
 * Workflow, key = tenant/bundle/vN. Reads top to bottom as the stages; while it waits, `decide` hears people and machines, and `answer`
 * those whom Pointsman has asked.
 */
export const Release = iface.workflow('Release', {
  run: iface.schemas({ input: ReleaseInput, output: ReleaseResult }),
  recordDecision: iface.shared.schemas({ input: DecisionRequest, output: DecisionResult }),
  recordCallback: iface.shared.schemas({ input: CallbackRequest, output: CallbackResult }),
});
