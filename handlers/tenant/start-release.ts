import type { ObjectContext } from '@restatedev/restate-sdk';

import { type PointerId, releaseKey } from '../../core/identifiers.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import { type BundleState, type Queued, vacateSlot, slotOf, withSlot } from '../../core/releases/slot.ts';
import { setBundle } from './bundle-state.ts';
import { Release } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';

/**
 * Sends the release on its way without waiting for it, and remembers how to reach it. The state is written before the send, so that
 * dying in between leaves a slot that the sweep can free, never a release that nobody knows of.
 */
export async function startRelease(
  ctx: ObjectContext,
  pointer: PointerId,
  state: BundleState,
  start: Queued,
): Promise<BundleState> {
  const { tenant, bundle, channel } = pointer;
  const taken = take(state, channel, start.version, null);
  setBundle(ctx, bundle, taken);
  const key = releaseKey({ tenant, bundle, version: start.version });
  const handle = ctx.sendClient(Release, key).run({ channel, source: start.source });
  const started = take(state, channel, start.version, await handle.invocationId);
  setBundle(ctx, bundle, started);
  return started;
}

function take(
  state: BundleState,
  channel: string,
  version: number,
  invocationId: string | null,
): BundleState {
  const slot = vacateSlot(slotOf(state, channel), version);
  return withSlot(state, channel, { ...slot, inFlight: { version, invocationId, swapped: false } });
}

/** Lets go of a release that has ended, and starts the next in line. */
export async function freeSlot(
  ctx: ObjectContext,
  deps: Deps,
  pointer: PointerId,
  state: BundleState,
  ended: number,
): Promise<BundleState> {
  const slot = vacateSlot(slotOf(state, pointer.channel), ended);
  return startNext(ctx, deps, pointer, withSlot(state, pointer.channel, slot));
}

/**
 * Starts the first in line that still may, if the slot is free. One that was cancelled while it waited is passed over; the line is
 * bounded, so this ends.
 */
export async function startNext(
  ctx: ObjectContext,
  deps: Deps,
  { tenant, bundle, channel }: PointerId,
  state: BundleState,
): Promise<BundleState> {
  let current = state;
  for (const next of slotOf(state, channel).queue) {
    if (slotOf(current, channel).inFlight) break;
    const id = { tenant, bundle, version: next.version };
    const mayStart = await asStoreUnavailable(
      ctx.run('leave queue', () => deps.admissions.leaveQueue(id), stepRetries.whileHoldingTenant),
    );
    if (mayStart) return startRelease(ctx, { tenant, bundle, channel }, current, next);
    current = withSlot(current, channel, vacateSlot(slotOf(current, channel), next.version));
  }
  setBundle(ctx, bundle, current);
  return current;
}
