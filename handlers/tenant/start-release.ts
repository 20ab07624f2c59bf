import type { ObjectContext } from '@restatedev/restate-sdk';

import { type PointerId, releaseKey } from '@pointsman/protocol/identifiers';
import { stepRetries } from '../../core/limits/limits.ts';
import { type BundleState, type Queued, vacateSlot, slotOf, withSlot } from '../../core/releases/slot.ts';
import { setBundle } from './bundle-state.ts';
import { Release } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';

/**
 * Puts a release into its slot and starts it without waiting for it. The slot is marked as occupied before the start
 * message is sent. After a crash between the two, a release occupies the slot without running, and the
 * worker's periodic sweep repairs that. In the reverse order, a crash could leave a running release without a
 * slot.
 */
export function startRelease(
  ctx: ObjectContext,
  { tenant, bundle, channel }: PointerId,
  state: BundleState,
  { version, source }: Queued,
): BundleState {
  const slot = vacateSlot(slotOf(state, channel), version);
  const started = withSlot(state, channel, { ...slot, inFlight: { version } });
  setBundle(ctx, bundle, started);
  ctx.sendClient(Release, releaseKey({ tenant, bundle, version })).run({ channel, source });
  return started;
}

/** Removes an ended release from its slot, and starts the next one in the queue. */
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
 * If the slot is free, starts the first release of the queue that may still start. Releases that were
 * cancelled in the queue are skipped. The queue has a maximum length, so the loop ends.
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
