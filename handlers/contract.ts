import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { BundleName, ChannelName, Digest, Generation, Version } from '../core/identifiers.ts';
import { Pointer } from '../core/pointer.ts';
import { ConflictRule, Effect, Outcome } from '../core/release.ts';
import type { BundleState } from '../core/slot.ts';

/**
 * The names, keys and messages of everything durable: the only file of this folder that the rest of the system may import.
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
  /** The generation that the author saw: the release is refused if the pointer is elsewhere, now or at the swap. */
  ifGeneration: Generation.nullable(),
});
export type PublishRequest = z.infer<typeof PublishRequest>;

const Stale = z.object({ kind: z.literal('stale'), pointer: Pointer });
const Held = z.object({ kind: z.literal('held'), reason: z.string() });
const KeyReused = z.object({ kind: z.literal('key_reused') });
const NoTenant = z.object({ kind: z.literal('no_tenant') });
const TooManyChannels = z.object({ kind: z.literal('too_many_channels'), limit: z.number() });

export const PublishAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('accepted'), version: Version, replayed: z.boolean() }),
  z.object({ kind: z.literal('conflict'), version: Version }),
  z.object({ kind: z.literal('queue_full'), limit: z.number() }),
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
});
export type MoveRequest = z.infer<typeof MoveRequest>;

export const MoveAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('moved'), pointer: Pointer, replayed: z.boolean() }),
  /** The pointer already names that release. A hold that was asked for is on. */
  z.object({ kind: z.literal('unchanged'), pointer: Pointer }),
  z.object({ kind: z.literal('no_release') }),
  z.object({ kind: z.literal('not_promotable'), outcome: Outcome.nullable() }),
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

export const UndoRequest = z.object({ effects: z.array(Effect) });
export type UndoRequest = z.infer<typeof UndoRequest>;

/** Virtual object, key = tenant/bundle/vN. Undoes what a settled release could not, and waits, paused, for an operator where it can't. */
export const Janitor = iface.object('Janitor', {
  undo: iface.schemas({ input: UndoRequest, output: z.null() }),
});

export const ReleaseInput = z.object({ channel: ChannelName, source: Digest });
export type ReleaseInput = z.infer<typeof ReleaseInput>;

export const ReleaseVerdict = z.object({ outcome: Outcome, reason: z.string().nullable() });
export type ReleaseVerdict = z.infer<typeof ReleaseVerdict>;

/** Workflow, key = tenant/bundle/vN. Reads top to bottom as the stages. */
export const Release = iface.workflow('Release', {
  run: iface.schemas({ input: ReleaseInput, output: ReleaseVerdict }),
});
