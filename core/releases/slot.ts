import { z } from 'zod';

import { ChannelName, Digest, Generation, Version } from '../identifiers.ts';
import { tenantLimits } from '../limits/limits.ts';
import type { ConflictRule } from './release.ts';

const InFlight = z.object({
  version: Version,
  /** How Restate knows the release's workflow; null for the moment between its admission and its start. */
  invocationId: z.string().nullable(),
  /** The pointer has moved: from here on the release only goes forward, and a newer one leaves it alone. */
  swapped: z.boolean(),
});

const Queued = z.object({ version: Version, source: Digest });
export type Queued = z.infer<typeof Queued>;

/** What a tenant's object knows of one pointer: who is in flight, who waits in line, and how often it has moved. */
export const Slot = z.object({
  inFlight: InFlight.nullable(),
  queue: z.array(Queued),
  generation: Generation,
});
export type Slot = z.infer<typeof Slot>;

const lastVersion = z.number().int().min(0);

/** {@link BundleState} as JSON: how the durable state and the record store it. */
export const StoredBundle = z.object({ lastVersion, channels: z.record(ChannelName, Slot) });
export type StoredBundle = z.infer<typeof StoredBundle>;

/**
 * A tenant's durable state of one bundle. The channels are a map, because their names come from outside: a plain object also has
 * what it inherits, such as `constructor`, which is a valid name.
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

/** Where a new release goes. */
export interface Placement {
  readonly placement: 'start' | 'queue' | 'reject' | 'full';
  /** Those that it replaces: the one in flight, unless its pointer has moved, and all that wait in line. */
  readonly supersedes: readonly number[];
}

/** The conflict rule, applied. A release whose pointer has moved still holds the slot under `queue` and `reject`: it is not settled. */
export function decidePlacement(slot: Slot, rule: ConflictRule): Placement {
  if (rule === 'supersede') {
    const running = slot.inFlight && !slot.inFlight.swapped ? [slot.inFlight.version] : [];
    return { placement: 'start', supersedes: [...running, ...slot.queue.map((queued) => queued.version)] };
  }
  if (!slot.inFlight && slot.queue.length === 0) return { placement: 'start', supersedes: [] };
  if (rule === 'reject') return { placement: 'reject', supersedes: [] };
  const full = slot.queue.length >= tenantLimits.queuedPerPointer;
  return { placement: full ? 'full' : 'queue', supersedes: [] };
}

/** The bundle's state once the release that was placed is on record. */
export function occupySlot(
  state: BundleState,
  channel: string,
  entrant: Queued,
  placement: 'start' | 'queue',
): BundleState {
  const slot = slotOf(state, channel);
  const next: Slot =
    placement === 'start'
      ? { ...slot, inFlight: { version: entrant.version, invocationId: null, swapped: false }, queue: [] }
      : { ...slot, queue: [...slot.queue, entrant] };
  return { ...withSlot(state, channel, next), lastVersion: entrant.version };
}

/** A release has ended: whatever it held or waited for, it does no more. */
export function vacateSlot(slot: Slot, version: number): Slot {
  return {
    ...slot,
    inFlight: slot.inFlight?.version === version ? null : slot.inFlight,
    queue: slot.queue.filter((queued) => queued.version !== version),
  };
}

/** The release in flight, by its version; null when another one has its place. */
export function inFlight(slot: Slot, version: number): NonNullable<Slot['inFlight']> | null {
  return slot.inFlight?.version === version ? slot.inFlight : null;
}
