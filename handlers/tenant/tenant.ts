import { implement } from '@restatedev/restate-sdk';

import { BundleState, type StoredBundle } from '../../core/releases/slot.ts';
import { storedBundle } from './bundle-state.ts';
import { objectOptions } from '../durable/options.ts';
import { Tenant } from '../contract/tenant.ts';
import type { Deps } from '../ports/deps.ts';
import { publish } from './publish.ts';
import { UNREADABLE } from '../durable/stored-state.ts';
import { reconcile, settled } from './settle.ts';
import { cancel, hold, move } from './control.ts';
import { swap } from './swap.ts';

/**
 * Serializes all decisions about one tenant. The handlers run one at a time, take milliseconds, and never
 * wait for a release, a person or an external system: a waiting handler would block every other call of the
 * tenant.
 */
export function tenantObject(deps: Deps) {
  return implement(Tenant, {
    description: 'Admits, numbers and swaps the releases of one tenant. Key: the tenant.',
    handlers: {
      publish: (ctx, request) => publish(ctx, deps, request),
      swap: (ctx, request) => swap(ctx, deps, request),
      settled: (ctx, notice) => settled(ctx, deps, notice),
      move: (ctx, request) => move(ctx, deps, request),
      hold: (ctx, request) => hold(ctx, deps, request),
      cancel: (ctx, request) => cancel(ctx, deps, request),
      reconcile: (ctx, notice) => reconcile(ctx, deps, notice),
      status: async (ctx) => {
        const state = new Map<string, StoredBundle>();
        for (const key of await ctx.stateKeys()) {
          const bundle = await ctx.get(key, storedBundle);
          if (bundle !== null && bundle !== UNREADABLE) state.set(key, BundleState.encode(bundle));
        }
        return Object.fromEntries(state);
      },
    },
    options: {
      ...objectOptions,
      // Only the release workflow may call these handlers. They are not callable through the ingress, because
      // another caller could move a pointer without passing the gates.
      handlers: { swap: { ingressPrivate: true }, settled: { ingressPrivate: true } },
    },
  });
}
