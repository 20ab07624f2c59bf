import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Role } from '../core/access.ts';
import { CheckReport } from '../core/check-request.ts';
import { CompileReport } from '../core/compile-job.ts';
import { Conclusion, Decision, GateState } from '../core/gate.ts';
import { Origin } from '../core/hook.ts';
import { BundleName, ChannelName, Digest, Generation, Version } from '../core/identifiers.ts';
import { Pointer } from '../core/pointer.ts';
import { QuotaExceeded } from '../core/quota.ts';
import { ConflictRule, Outcome } from '../core/release.ts';
import type { BundleState } from '../core/slot.ts';
import { DownSink } from './sink-contract.ts';

/**
 * The names, keys and messages of everything durable: with hook-contract.ts the only file of this folder that the rest may import.
 * Renaming a service, a handler or a field here breaks whatever is in flight; add fields as optional ones.
 */

/** Who asked, and how a repeated request is known: the same key with the same fingerprint is the same request. */
const Request = z.object({
  by: z.string(),
  /** The client's Idempotency-Key, or a fresh one where the client gave none, so that our own retries are harmless. */
  idempotencyKey: z.string(),
  /** Digest of what was asked, without the key. */
  fingerprint: Digest,
  /** X-Request-Id, for the logs. */
  requestId: z.string(),
});

export const PublishRequest = Request.extend({
  bundle: BundleName,
  channel: ChannelName,
  source: Digest,
  onConflict: ConflictRule,
  message: z.string().nullable(),
  /** Not live before this time, in epoch milliseconds. */
  notBefore: z.number().int().nullable().optional(),
  /** The generation that the author saw: the release is refused if the pointer is elsewhere, now or at the swap. */
  ifGeneration: Generation.nullable(),
  /** The push that it comes from. */
  origin: Origin.nullable().optional(),
});
export type PublishRequest = z.infer<typeof PublishRequest>;

const Stale = z.object({ kind: z.literal('stale'), pointer: Pointer });
const Held = z.object({ kind: z.literal('held'), reason: z.string() });
const KeyReused = z.object({ kind: z.literal('key_reused') });
/** The channel's policy freezes it while sinks are down; `known` where that is no matter of looking. */
const KnownDown = DownSink.extend({ known: z.boolean() });
const SinksDown = z.object({ kind: z.literal('sinks_down'), sinks: z.array(KnownDown) });
const NoTenant = z.object({ kind: z.literal('no_tenant') });
/** The source has been deleted, because no release used it within its time. Store it again. */
const NoSource = z.object({ kind: z.literal('no_source') });
const TooManyChannels = z.object({ kind: z.literal('too_many_channels'), limit: z.number() });

export const PublishAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('accepted'), version: Version, replayed: z.boolean() }),
  z.object({ kind: z.literal('conflict'), version: Version }),
  z.object({ kind: z.literal('queue_full'), limit: z.number() }),
  /** A later push of the same hook is there already, as that version; null where the delivery has ended otherwise. */
  z.object({ kind: z.literal('overtaken'), version: Version.nullable() }),
  QuotaExceeded,
  NoSource,
  TooManyChannels,
  Stale,
  Held,
  KeyReused,
  NoTenant,
]);
export type PublishAnswer = z.infer<typeof PublishAnswer>;

export const SwapRequest = z.object({
  bundle: BundleName,
  channel: ChannelName,
  version: Version,
});
export type SwapRequest = z.infer<typeof SwapRequest>;

export const SwapAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('moved'), generation: Generation, seq: z.number().int() }),
  /** A newer publish took its place, or it was cancelled: the workflow asks the record what stands. */
  z.object({ kind: z.literal('not_current') }),
  z.object({ kind: z.literal('held'), reason: z.string() }),
  z.object({ kind: z.literal('stale'), generation: Generation }),
  /** A gate has not passed, or its approvals were given while something else was live: wait for it, and ask again. */
  z.object({ kind: z.literal('gates_open') }),
  /** The policy has gained a gate since this release was admitted under an older version of it. */
  z.object({ kind: z.literal('gate_added'), gate: z.string(), policy: z.number().int() }),
  SinksDown,
  /** The store did not answer in the time that the tenant's key may be held. Nothing is known; ask again. */
  z.object({ kind: z.literal('unavailable') }),
]);
export type SwapAnswer = z.infer<typeof SwapAnswer>;

export const SettledNotice = z.object({ bundle: BundleName, channel: ChannelName, version: Version });
export type SettledNotice = z.infer<typeof SettledNotice>;

export const MoveRequest = Request.extend({
  bundle: BundleName,
  channel: ChannelName,
  version: Version,
  ifGeneration: Generation.nullable(),
  /** When given, the pointer is held for this reason in the same transaction. */
  hold: z.string().nullable(),
  why: z.string(),
  /** What the one who asks may do: only an admin goes around the gates of a channel. */
  roles: z.array(Role).optional(),
});
export type MoveRequest = z.infer<typeof MoveRequest>;

export const MoveAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('moved'), pointer: Pointer, replayed: z.boolean() }),
  /** The pointer already names that release. A hold that was asked for is on. */
  z.object({ kind: z.literal('unchanged'), pointer: Pointer }),
  z.object({ kind: z.literal('no_release') }),
  z.object({ kind: z.literal('not_promotable'), outcome: Outcome.nullable() }),
  /** Only an admin may go around those gates of the channel, which that version of the policy has. */
  z.object({ kind: z.literal('gated'), gates: z.array(z.string()), policy: z.number().int() }),
  SinksDown,
  TooManyChannels,
  Stale,
  Held,
  KeyReused,
  NoTenant,
]);
export type MoveAnswer = z.infer<typeof MoveAnswer>;

export const HoldRequest = Request.extend({
  bundle: BundleName,
  channel: ChannelName,
  /** Null lifts the hold. */
  reason: z.string().nullable(),
});
export type HoldRequest = z.infer<typeof HoldRequest>;

export const HoldAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), pointer: Pointer }),
  z.object({ kind: z.literal('no_bundle') }),
  TooManyChannels,
  KeyReused,
  NoTenant,
]);
export type HoldAnswer = z.infer<typeof HoldAnswer>;

export const CancelRequest = z.object({
  bundle: BundleName,
  version: Version,
  by: z.string(),
  reason: z.string().nullable(),
});
export type CancelRequest = z.infer<typeof CancelRequest>;

export const CancelAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cancelling') }),
  z.object({ kind: z.literal('settled'), outcome: Outcome }),
  /** The pointer has already moved: the release will settle as published. */
  z.object({ kind: z.literal('too_late'), generation: Generation }),
  z.object({ kind: z.literal('no_release') }),
]);
export type CancelAnswer = z.infer<typeof CancelAnswer>;

export const ReapNotice = z.object({
  bundle: BundleName,
  channel: ChannelName,
  version: Version,
  source: Digest,
});
export type ReapNotice = z.infer<typeof ReapNotice>;

/** The state key under which a tenant's object keeps what it knows of a bundle. */
export function bundleStateKey(bundle: string): string {
  return `bundle:${bundle}`;
}

/** Virtual object, key = tenant. Admits, numbers, swaps; never waits. */
export const Tenant = iface.object('Tenant', {
  publish: iface.schemas({ input: PublishRequest, output: PublishAnswer }),
  swap: iface.schemas({ input: SwapRequest, output: SwapAnswer }),
  settled: iface.schemas({ input: SettledNotice, output: z.null() }),
  move: iface.schemas({ input: MoveRequest, output: MoveAnswer }),
  hold: iface.schemas({ input: HoldRequest, output: HoldAnswer }),
  cancel: iface.schemas({ input: CancelRequest, output: CancelAnswer }),
  reap: iface.schemas({ input: ReapNotice, output: z.null() }),
  status: iface.shared.json<void, Record<string, BundleState>>(),
});

/** Service. Answers, which says that a worker is there. */
export const Worker = iface.service('Worker', { ping: iface.json<void, null>() });

export const ReleaseInput = z.object({ channel: ChannelName, source: Digest });
export type ReleaseInput = z.infer<typeof ReleaseInput>;

export const ReleaseVerdict = z.object({ outcome: Outcome, reason: z.string().nullable() });
export type ReleaseVerdict = z.infer<typeof ReleaseVerdict>;

/** Somebody's word on a gate of the release, which the record decides about: see `hear` in services/postgres/functions/decisions.sql. */
export const VerdictRequest = Request.extend({
  kind: z.enum(['approval', 'check']),
  /** Null: the only approval there is, or the only one that is still open. */
  gate: z.string().nullable(),
  word: z.union([Decision, Conclusion]),
  /** The artifact that the word is about; null where the gate is bound to the release alone. */
  digest: Digest.nullable(),
  /** An approval: the generation of the pointer whose release it was compared with. */
  ifGeneration: Generation.nullable().optional(),
  roles: z.array(Role),
  comment: z.string().nullable(),
  url: z.string().nullable(),
});
export type VerdictRequest = z.infer<typeof VerdictRequest>;

export const VerdictAnswer = z.discriminatedUnion('kind', [
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
  z.object({ kind: z.literal('not_open') }),
  z.object({ kind: z.literal('no_gate') }),
  /** There are several, and none was named. */
  z.object({ kind: z.literal('which'), gates: z.array(z.string()) }),
  z.object({ kind: z.literal('wrong_digest'), digest: Digest }),
  /** The pointer is no longer where the approver saw it. */
  Stale,
  z.object({ kind: z.literal('wrong_role'), gate: z.string(), role: z.string() }),
  /** Four eyes: its author can't approve a release. */
  z.object({ kind: z.literal('author'), gate: z.string() }),
  z.object({ kind: z.literal('no_release') }),
  KeyReused,
]);
export type VerdictAnswer = z.infer<typeof VerdictAnswer>;

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

export const CallbackAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('taken'), replayed: z.boolean() }),
  ...CallbackRefusal.options,
  /** Nothing was taken: what was said to be compiled is not whole. */
  z.object({ kind: z.literal('unfit'), missing: z.array(Digest), problems: z.array(z.string()) }),
]);
export type CallbackAnswer = z.infer<typeof CallbackAnswer>;

/** The promise of a release that its n-th word settles. */
export function wakePromise(n: number): string {
  return `word ${n} on its gates`;
}

/** The state key under which a waiting release says, in words, what it waits for. */
export const WAITING_FOR = 'waiting for';

/**
 * Workflow, key = tenant/bundle/vN. Reads top to bottom as the stages; while it waits, `decide` hears people and machines, and `answer`
 * those whom Pointsman has asked.
 */
export const Release = iface.workflow('Release', {
  run: iface.schemas({ input: ReleaseInput, output: ReleaseVerdict }),
  decide: iface.shared.schemas({ input: VerdictRequest, output: VerdictAnswer }),
  answer: iface.shared.schemas({ input: CallbackRequest, output: CallbackAnswer }),
});
