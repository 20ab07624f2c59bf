import type { ObjectContext } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { BundleState, NEW_BUNDLE } from '../../core/releases/slot.ts';
import type { Deps } from '../ports/deps.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';
import { storedAs, UNREADABLE } from '../durable/stored-state.ts';

/** Returns the key under which the tenant's object stores the state of a bundle. */
function bundleStateKey(bundle: string): string {
  return `bundle:${bundle}`;
}

/** The serde with which the tenant's object stores the state of a bundle. */
export const storedBundle = storedAs<BundleState>(BundleState);

/**
 * Returns the Restate state of a bundle. A bundle without state counts as new. If it is not new, the database
 * later reports a conflict, and the caller reloads the state. Unreadable state is restored from the database,
 * so that the tenant recovers without an operator.
 */
export async function getBundle(ctx: ObjectContext, deps: Deps, bundle: string): Promise<BundleState> {
  const stored = await ctx.get(bundleStateKey(bundle), storedBundle);
  if (stored === null) return NEW_BUNDLE;
  if (stored !== UNREADABLE) return stored;
  ctx.console.warn(`the state of "${bundle}" is not readable; reading it from the record`);
  return reloadBundle(ctx, deps, bundle);
}

export function setBundle(ctx: ObjectContext, bundle: string, state: BundleState): void {
  ctx.set(bundleStateKey(bundle), state, storedBundle);
}

/**
 * Replaces the Restate state of a bundle with the data in the database. Needed after Restate has lost data,
 * or after a handler was killed between its two writes.
 */
export async function reloadBundle(ctx: ObjectContext, deps: Deps, bundle: string): Promise<BundleState> {
  const tenant = ctx.key;
  const onRecord = await asStoreUnavailable(
    ctx.run('read bundle', () => deps.admissions.readBundle(tenant, bundle), stepRetries.whileHoldingTenant),
  );
  const state = BundleState.decode(onRecord);
  setBundle(ctx, bundle, state);
  return state;
}
