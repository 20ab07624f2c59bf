import type { ObjectContext } from '@restatedev/restate-sdk';

import { stepRetries, tenantLimits } from '../core/limits.ts';
import { type BundleState, inFlight, NEW_BUNDLE, slotOf, withSlot } from '../core/slot.ts';
import { bundleStateKey } from './contract.ts';
import type { Deps } from './deps.ts';
import { orStoreDown } from './store-down.ts';

export const tooManyChannels = { kind: 'too_many_channels', limit: tenantLimits.channelsPerBundle } as const;

/** What the tenant's object remembers of a bundle. Nothing remembered is taken for a new bundle; the record contradicts if it is not. */
export async function getBundle(ctx: ObjectContext, bundle: string): Promise<BundleState> {
  return (await ctx.get<BundleState>(bundleStateKey(bundle))) ?? NEW_BUNDLE;
}

export function setBundle(ctx: ObjectContext, bundle: string, state: BundleState): void {
  ctx.set(bundleStateKey(bundle), state);
}

/**
 * Makes the durable state anew from the record: after Restate's data was lost, or a handler was killed between the two. How a release
 * is reached stands on record only once its first step has ended, so what was remembered of that is kept.
 */
export async function reloadBundle(ctx: ObjectContext, deps: Deps, bundle: string): Promise<BundleState> {
  const tenant = ctx.key;
  const remembered = await getBundle(ctx, bundle);
  const onRecord = await orStoreDown(
    ctx.run('read bundle', () => deps.admissions.readBundle(tenant, bundle), stepRetries.whileHoldingTenant),
  );
  const state = keepInvocations(onRecord, remembered);
  setBundle(ctx, bundle, state);
  return state;
}

function keepInvocations(onRecord: BundleState, remembered: BundleState): BundleState {
  let state = onRecord;
  for (const [channel, slot] of Object.entries(onRecord.channels)) {
    const known = slot.inFlight && inFlight(slotOf(remembered, channel), slot.inFlight.version);
    if (!known || !slot.inFlight) continue;
    const invocationId = slot.inFlight.invocationId ?? known.invocationId;
    state = withSlot(state, channel, { ...slot, inFlight: { ...slot.inFlight, invocationId } });
  }
  return state;
}
