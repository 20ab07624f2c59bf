import { z } from 'zod';

import { ChannelName, Digest, Generation, Version } from '@pointsman/protocol/identifiers';
import { tenantLimits } from '../limits/limits.ts';
import type { ConflictRule } from '@pointsman/protocol/releases/release';

const InFlight = z.object({ version: Version });

const Queued = z.object({ version: Version, source: Digest });
export type Queued = z.infer<typeof Queued>;

/** The state of one pointer in the tenant's object: the release in flight, the queue, and the generation. */
export const Slot = z.object({
  inFlight: InFlight.nullable(),
  queue: z.array(Queued),
  generation: Generation,
});
export type Slot = z.infer<typeof Slot>;

const lastVersion = z.number().int().min(0);

/** The JSON form of {@link BundleState}, as stored in Restate and in PostgreSQL. */
export const StoredBundle = z.object({ lastVersion, channels: z.record(ChannelName, Slot) });
export type StoredBundle = z.infer<typeof StoredBundle>;

/**
 * The durable state of one bundle. The channels are a Map, because channel names come from users: a plain
 * object inherits keys such as `constructor`, which is a valid channel name.
 */
export const BundleState = z.codec(
  StoredBundle,
  z.object({ lastVersion, channels: z.map(ChannelName, Slot).readonly() }),
  {
    decode: ({ channels, ...state }) => ({ ...state, channels: new Map(Object.entries(channels)) }),
    encode: ({ channels, ...state }) => ({ ...state, channels: Object.fromEntries(channels) }),
  },
);
export type BundleState = z.infer<typeof BundleState>;

export const NEW_BUNDLE: BundleState = { lastVersion: 0, channels: new Map() };

const EMPTY_SLOT: Slot = { inFlight: null, queue: [], generation: 0 };

export function slotOf(state: BundleState, channel: string): Slot {
  return state.channels.get(channel) ?? EMPTY_SLOT;
}

export function withSlot(state: BundleState, channel: string, slot: Slot): BundleState {
  return { ...state, channels: new Map(state.channels).set(channel, slot) };
}

/** The placement of a new release. */
export interface Placement {
  readonly placement: 'start' | 'queue' | 'reject' | 'full';
  /** The versions of the releases that the new one supersedes: the release in flight, and all queued releases. */
  readonly supersedes: readonly number[];
}

/** Decides by the conflict rule whether a new release starts, waits or is rejected. */
export function decidePlacement(slot: Slot, rule: ConflictRule): Placement {
  if (rule === 'supersede') {
    const running = slot.inFlight ? [slot.inFlight.version] : [];
    return { placement: 'start', supersedes: [...running, ...slot.queue.map((queued) => queued.version)] };
  }
  if (!slot.inFlight && slot.queue.length === 0) return { placement: 'start', supersedes: [] };
  if (rule === 'reject') return { placement: 'reject', supersedes: [] };
  const full = slot.queue.length >= tenantLimits.queuedPerPointer;
  return { placement: full ? 'full' : 'queue', supersedes: [] };
}

/** Returns the state of the bundle after the placed release was admitted. */
export function occupySlot(
  state: BundleState,
  channel: string,
  entrant: Queued,
  placement: 'start' | 'queue',
): BundleState {
  const slot = slotOf(state, channel);
  const next: Slot =
    placement === 'start'
      ? { ...slot, inFlight: { version: entrant.version }, queue: [] }
      : { ...slot, queue: [...slot.queue, entrant] };
  return { ...withSlot(state, channel, next), lastVersion: entrant.version };
}

/** Returns the slot without a settled release, whether it was in flight or queued. */
export function vacateSlot(slot: Slot, version: number): Slot {
  return {
    ...slot,
    inFlight: slot.inFlight?.version === version ? null : slot.inFlight,
    queue: slot.queue.filter((queued) => queued.version !== version),
  };
}

/** Returns the release in flight if it has this version, otherwise null. */
export function inFlight(slot: Slot, version: number): NonNullable<Slot['inFlight']> | null {
  return slot.inFlight?.version === version ? slot.inFlight : null;
}
