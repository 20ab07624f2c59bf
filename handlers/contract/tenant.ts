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
 * The service names, keys and messages of all Restate services. Code outside handlers/ imports only
 * handlers/contract.
 *
 * Compatibility rules: do not rename a service, a handler or a field, because that breaks every invocation in
 * flight. Add new fields as optional ones.
 */

/**
 * The author of a request, and the key that identifies a repeated request. A request with the same key and
 * the same fingerprint is a repetition. A request with the same key and another fingerprint is rejected.
 */
export const RequestIdentity = z.object({
  by: z.string(),
  /**
   * The client's Idempotency-Key. If the client sent none, the API generates one, so that the API's own
   * retries are idempotent.
   */
  idempotencyKey: z.string(),
  /** The digest of the request's content, without the key. */
  fingerprint: Digest,
  /** The X-Request-Id, for the logs. */
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
  /** If true, the channel is created if the bundle has other channels but not this one. */
  createChannel: z.boolean().optional(),
  /**
   * The generation that the author expects the pointer to have. The release is rejected if the pointer has
   * another generation at admission or at the swap.
   */
  ifGeneration: Generation.nullable(),
  /**
   * The time until which the caller waits for the response, in epoch milliseconds of the database's clock. A
   * publish that is handled later is not admitted. Missing for a push, which has no waiting caller.
   */
  admitBefore: z.number().int().optional(),
  /** The Git push that caused this release. Missing for a publish through the API. */
  origin: Origin.nullable().optional(),
});
export type PublishRequest = z.infer<typeof PublishRequest>;

export const Stale = z.object({ kind: z.literal('stale'), pointer: Pointer });
const Held = z.object({ kind: z.literal('held'), reason: z.string() });
/**
 * A sink that is down, although the channel's policy requires it to be healthy for a move. If `known` is
 * true, the recorded status is recent, so that another health check is not needed.
 */
const KnownDown = DownSink.extend({ known: z.boolean() });
const SinksDown = z.object({ kind: z.literal('sinks_down'), sinks: z.array(KnownDown) });
const NoTenant = z.object({ kind: z.literal('no_tenant') });
/**
 * The bundle does not have the requested channel, and the request does not set `createChannel`. `channels`
 * lists the channels that exist.
 */
const NoChannel = z.object({ kind: z.literal('no_channel'), channels: z.array(z.string()) });
/**
 * The source was deleted, because no release used it within the retention time for unused sources. The caller
 * must store it again.
 */
const NoSource = z.object({ kind: z.literal('no_source') });
const TooManyChannels = z.object({ kind: z.literal('too_many_channels'), limit: z.number() });

export const PublishResult = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('accepted'),
    version: Version,
    replayed: z.boolean(),
    /**
     * The data of the new release that the request does not contain. Missing for a repeated request and for a
     * queued release: the release must then be read from the database.
     */
    started: z.object({ policyVersion: z.number().int(), createdAt: z.string() }).optional(),
  }),
  z.object({ kind: z.literal('conflict'), version: Version }),
  z.object({ kind: z.literal('queue_full'), limit: z.number() }),
  /** The caller no longer waits for the response. Nothing was admitted. */
  z.object({ kind: z.literal('too_late') }),
  /**
   * The push is not published, because a later push of the same hook was already published as `version`. A
   * null version means that the delivery has already ended without a release.
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
  /**
   * The pointer already refers to the artifact of this release, as that of `version`. The release has settled
   * as unchanged.
   */
  z.object({ kind: z.literal('unchanged'), version: Version }),
  /**
   * The release was superseded or cancelled, so the pointer does not move. The database records which of the
   * two.
   */
  z.object({ kind: z.literal('not_current') }),
  z.object({ kind: z.literal('held'), reason: z.string() }),
  z.object({ kind: z.literal('stale'), generation: Generation }),
  /**
   * A gate has not passed, or the release's approvals are void because another release went live. The
   * workflow waits for the gates and then requests the swap again.
   */
  z.object({ kind: z.literal('gates_open') }),
  /**
   * The current policy has a gate that it did not have when this release was admitted. `policy` is the
   * version of the current policy.
   */
  z.object({ kind: z.literal('gate_added'), gate: z.string(), policy: z.number().int() }),
  SinksDown,
  /**
   * The database did not respond before the swap handler had to free the tenant's key. It is unknown whether
   * the pointer moved, so the caller must repeat the request.
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
  /** For a rollback: the release that was live after the earlier move which this rollback restores. */
  restores: Version.nullable().optional(),
  createChannel: z.boolean().optional(),
  ifGeneration: Generation.nullable(),
  /** If set, the same transaction also puts the pointer on hold, with this text as the reason. */
  hold: z.string().nullable(),
  why: z.string(),
  /** The caller's roles. Only an admin may bypass the gates of a channel. */
  roles: z.array(Role).optional(),
});
export type MoveRequest = z.infer<typeof MoveRequest>;

export const MoveResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('moved'), pointer: Pointer, replayed: z.boolean() }),
  /**
   * The pointer already points to the requested release. If the request asks for a hold, the hold is set
   * anyway.
   */
  z.object({ kind: z.literal('unchanged'), pointer: Pointer }),
  z.object({ kind: z.literal('no_release') }),
  z.object({ kind: z.literal('no_move') }),
  /**
   * The release was never live. `sameAs` is the version to move to instead, if the release settled as
   * unchanged and that version has the same artifact for this channel.
   */
  z.object({
    kind: z.literal('not_promotable'),
    outcome: Outcome.nullable(),
    sameAs: Version.optional(),
  }),
  /**
   * The channel has these gates, and only an admin may bypass them. `policy` is the version of the policy
   * that defines them.
   */
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
  /** The reason of the hold. Null lifts the hold. */
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
 * Virtual object, key = tenant. Admits releases, assigns their version numbers, and moves pointers. Its
 * handlers never wait for a release.
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
