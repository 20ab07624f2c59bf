import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Role } from '../../core/access.ts';
import { Origin } from '../../core/hook.ts';
import { KeyReused } from '../../core/idempotency-key.ts';
import { BundleName, ChannelName, Digest, Generation, Version } from '../../core/identifiers.ts';
import { Pointer } from '../../core/moves/pointer.ts';
import { QuotaExceeded } from '../../core/quota.ts';
import { ConflictRule, Outcome } from '../../core/releases/release.ts';
import type { StoredBundle } from '../../core/releases/slot.ts';
import { DownSink } from './sink.ts';

/**
 * The names, keys and messages of everything durable: with hook-contract.ts the only file of this folder that the rest may import.
 * Renaming a service, a handler or a field here breaks whatever is in flight; add fields as optional ones.
 */

/** Who asked, and how a repeated request is known: the same key with the same fingerprint is the same request. */
export const RequestIdentity = z.object({
  by: z.string(),
  /** The client's Idempotency-Key, or a fresh one where the client gave none, so that our own retries are harmless. */
  idempotencyKey: z.string(),
  /** Digest of what was asked, without the key. */
  fingerprint: Digest,
  /** X-Request-Id, for the logs. */
  requestId: z.string(),
});

export const PublishRequest = RequestIdentity.extend({
  bundle: BundleName,
  channel: ChannelName,
  source: Digest,
  onConflict: ConflictRule,
  message: z.string().nullable(),
  /** Not live before this time, in epoch milliseconds. */
  notBefore: z.number().int().nullable().optional(),
  /** Makes the channel where the bundle has others, and not this one. */
  createChannel: z.boolean().optional(),
  /** The generation that the author saw: the release is refused if the pointer is elsewhere, now or at the swap. */
  ifGeneration: Generation.nullable(),
  /** The push that it comes from. */
  origin: Origin.nullable().optional(),
});
export type PublishRequest = z.infer<typeof PublishRequest>;

export const Stale = z.object({ kind: z.literal('stale'), pointer: Pointer });
const Held = z.object({ kind: z.literal('held'), reason: z.string() });
/** The channel's policy freezes it while sinks are down; `known` where that is no matter of looking. */
const KnownDown = DownSink.extend({ known: z.boolean() });
const SinksDown = z.object({ kind: z.literal('sinks_down'), sinks: z.array(KnownDown) });
const NoTenant = z.object({ kind: z.literal('no_tenant') });
/** The bundle has these channels, and a new one was not asked for. */
const NoChannel = z.object({ kind: z.literal('no_channel'), channels: z.array(z.string()) });
/** The source has been deleted, because no release used it within its time. Store it again. */
const NoSource = z.object({ kind: z.literal('no_source') });
const TooManyChannels = z.object({ kind: z.literal('too_many_channels'), limit: z.number() });

export const PublishResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('accepted'), version: Version, replayed: z.boolean() }),
  z.object({ kind: z.literal('conflict'), version: Version }),
  z.object({ kind: z.literal('queue_full'), limit: z.number() }),
  /** A later push of the same hook is there already, as that version; null where the delivery has ended otherwise. */
  z.object({ kind: z.literal('overtaken'), version: Version.nullable() }),
  NoChannel,
  QuotaExceeded,
  NoSource,
  TooManyChannels,
  Stale,
  Held,
  KeyReused,
  NoTenant,
]);
export type PublishResult = z.infer<typeof PublishResult>;

export const SwapRequest = z.object({
  bundle: BundleName,
  channel: ChannelName,
  version: Version,
});
export type SwapRequest = z.infer<typeof SwapRequest>;

export const SwapResult = z.discriminatedUnion('kind', [
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
export type SwapResult = z.infer<typeof SwapResult>;

export const SettledNotice = z.object({ bundle: BundleName, channel: ChannelName, version: Version });
export type SettledNotice = z.infer<typeof SettledNotice>;

export const MoveRequest = RequestIdentity.extend({
  bundle: BundleName,
  channel: ChannelName,
  version: Version,
  /** A rollback: the earlier move of the pointer, to that version, whose state is restored. */
  restores: Version.nullable().optional(),
  createChannel: z.boolean().optional(),
  ifGeneration: Generation.nullable(),
  /** When given, the pointer is held for this reason in the same transaction. */
  hold: z.string().nullable(),
  why: z.string(),
  /** What the one who asks may do: only an admin goes around the gates of a channel. */
  roles: z.array(Role).optional(),
});
export type MoveRequest = z.infer<typeof MoveRequest>;

export const MoveResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('moved'), pointer: Pointer, replayed: z.boolean() }),
  /** The pointer already names that release. A hold that was asked for is on. */
  z.object({ kind: z.literal('unchanged'), pointer: Pointer }),
  z.object({ kind: z.literal('no_release') }),
  z.object({ kind: z.literal('no_move') }),
  z.object({ kind: z.literal('not_promotable'), outcome: Outcome.nullable() }),
  /** Only an admin may go around those gates of the channel, which that version of the policy has. */
  z.object({ kind: z.literal('gated'), gates: z.array(z.string()), policy: z.number().int() }),
  SinksDown,
  NoChannel,
  TooManyChannels,
  Stale,
  Held,
  KeyReused,
  NoTenant,
]);
export type MoveResult = z.infer<typeof MoveResult>;

export const HoldRequest = RequestIdentity.extend({
  bundle: BundleName,
  channel: ChannelName,
  /** Null lifts the hold. */
  reason: z.string().nullable(),
});
export type HoldRequest = z.infer<typeof HoldRequest>;

export const HoldResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), pointer: Pointer }),
  z.object({ kind: z.literal('no_bundle') }),
  NoChannel,
  KeyReused,
  NoTenant,
]);
export type HoldResult = z.infer<typeof HoldResult>;

export const CancelRequest = z.object({
  bundle: BundleName,
  version: Version,
  by: z.string(),
  reason: z.string().nullable(),
});
export type CancelRequest = z.infer<typeof CancelRequest>;

export const CancelResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cancelling') }),
  z.object({ kind: z.literal('settled'), outcome: Outcome }),
  /** The pointer has already moved: the release will settle as published. */
  z.object({ kind: z.literal('too_late'), generation: Generation }),
  z.object({ kind: z.literal('no_release') }),
]);
export type CancelResult = z.infer<typeof CancelResult>;

export const ReconcileRequest = z.object({
  bundle: BundleName,
  channel: ChannelName,
  version: Version,
  source: Digest,
});
export type ReconcileRequest = z.infer<typeof ReconcileRequest>;

/** Virtual object, key = tenant. Admits, numbers, swaps; never waits. */
export const Tenant = iface.object('Tenant', {
  publish: iface.schemas({ input: PublishRequest, output: PublishResult }),
  swap: iface.schemas({ input: SwapRequest, output: SwapResult }),
  settled: iface.schemas({ input: SettledNotice, output: z.null() }),
  move: iface.schemas({ input: MoveRequest, output: MoveResult }),
  hold: iface.schemas({ input: HoldRequest, output: HoldResult }),
  cancel: iface.schemas({ input: CancelRequest, output: CancelResult }),
  reconcile: iface.schemas({ input: ReconcileRequest, output: z.null() }),
  status: iface.shared.json<void, Record<string, StoredBundle>>(),
});
