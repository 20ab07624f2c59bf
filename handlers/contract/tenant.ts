import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Role } from '@pointsman/protocol/access';
import { Origin } from '@pointsman/protocol/hook';
import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { BundleName, ChannelName, Digest, Generation, Version } from '@pointsman/protocol/identifiers';
import { Pointer } from '@pointsman/protocol/moves/pointer';
import { QuotaExceeded } from '@pointsman/protocol/quota';
import { ConflictRule, Outcome } from '@pointsman/protocol/releases/release';
import type { StoredBundle } from '../../core/releases/slot.ts';
import { DownSink } from './sink.ts';

/**
 * The service names, keys and messages of all durable code. Code outside handlers/ imports only
 * handlers/contract. Renaming a service, a handler or a field here breaks every invocation in flight. Add new
 * fields as optional ones.
 */

/**
 * The author of a request, and the key that identifies a repeated request. The same key with the same
 * fingerprint is the same request.
 */
export const RequestIdentity = z.object({
  by: z.string(),
  /**
   * The client's Idempotency-Key, or a key that the API generated, so that the API's own retries are
   * idempotent.
   */
  idempotencyKey: z.string(),
  /** Digest of the request, without the key. */
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
  /** The earliest time at which the release may go live, in epoch milliseconds. */
  notBefore: z.number().int().nullable().optional(),
  /** Creates the channel if the bundle has other channels but not this one. */
  createChannel: z.boolean().optional(),
  /**
   * The pointer's generation that the author expects. The release is rejected if the pointer has a different
   * generation at admission or at the swap.
   */
  ifGeneration: Generation.nullable(),
  /** The push that caused this release. */
  origin: Origin.nullable().optional(),
});
export type PublishRequest = z.infer<typeof PublishRequest>;

export const Stale = z.object({ kind: z.literal('stale'), pointer: Pointer });
const Held = z.object({ kind: z.literal('held'), reason: z.string() });
/**
 * A sink that is down and that the channel's policy requires for a move. If `known` is true, the recorded
 * status is current and no new health check is needed.
 */
const KnownDown = DownSink.extend({ known: z.boolean() });
const SinksDown = z.object({ kind: z.literal('sinks_down'), sinks: z.array(KnownDown) });
const NoTenant = z.object({ kind: z.literal('no_tenant') });
/**
 * The bundle does not have the requested channel, only these, and the request does not set `createChannel`.
 */
const NoChannel = z.object({ kind: z.literal('no_channel'), channels: z.array(z.string()) });
/**
 * The source was deleted because no release used it within the retention time. The caller must store it
 * again.
 */
const NoSource = z.object({ kind: z.literal('no_source') });
const TooManyChannels = z.object({ kind: z.literal('too_many_channels'), limit: z.number() });

export const PublishResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('accepted'), version: Version, replayed: z.boolean() }),
  z.object({ kind: z.literal('conflict'), version: Version }),
  z.object({ kind: z.literal('queue_full'), limit: z.number() }),
  /**
   * A later push of the same hook has already been published as this version. Null if the delivery has ended
   * in another way.
   */
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
  /** The release was superseded or cancelled. The workflow reads its state from the database. */
  z.object({ kind: z.literal('not_current') }),
  z.object({ kind: z.literal('held'), reason: z.string() }),
  z.object({ kind: z.literal('stale'), generation: Generation }),
  /**
   * A gate has not passed, or its approvals are void because the live release has changed since. The workflow
   * waits for the gates and then requests the swap again.
   */
  z.object({ kind: z.literal('gates_open') }),
  /** The policy has gained a gate since this release was admitted under an older version of the policy. */
  z.object({ kind: z.literal('gate_added'), gate: z.string(), policy: z.number().int() }),
  SinksDown,
  /**
   * The database did not respond within the time for which the tenant's key may be held. The outcome is
   * unknown, and the caller must repeat the request.
   */
  z.object({ kind: z.literal('unavailable') }),
]);
export type SwapResult = z.infer<typeof SwapResult>;

export const SettledNotice = z.object({ bundle: BundleName, channel: ChannelName, version: Version });
export type SettledNotice = z.infer<typeof SettledNotice>;

export const MoveRequest = RequestIdentity.extend({
  bundle: BundleName,
  channel: ChannelName,
  version: Version,
  /** For a rollback: the version that the restored move had made live. */
  restores: Version.nullable().optional(),
  createChannel: z.boolean().optional(),
  ifGeneration: Generation.nullable(),
  /** If set, the pointer is held for this reason in the same transaction. */
  hold: z.string().nullable(),
  why: z.string(),
  /** The caller's roles. Only an admin may bypass the gates of a channel. */
  roles: z.array(Role).optional(),
});
export type MoveRequest = z.infer<typeof MoveRequest>;

export const MoveResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('moved'), pointer: Pointer, replayed: z.boolean() }),
  /** The pointer already points to that release. A requested hold is set anyway. */
  z.object({ kind: z.literal('unchanged'), pointer: Pointer }),
  z.object({ kind: z.literal('no_release') }),
  z.object({ kind: z.literal('no_move') }),
  z.object({ kind: z.literal('not_promotable'), outcome: Outcome.nullable() }),
  /** The channel has these gates in this version of the policy, and only an admin may bypass them. */
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

/**
 * Virtual object, key = tenant. Admits and numbers releases and moves pointers. Its handlers never wait for a
 * release.
 */
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
