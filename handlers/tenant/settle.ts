import type { ObjectContext } from '@restatedev/restate-sdk';

import { type ReleaseId, releaseKey } from '../../core/identifiers.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import { inFlight, slotOf } from '../../core/releases/slot.ts';
import { getBundle, reloadBundle } from './bundle-state.ts';
import { type ReconcileRequest, type SettledNotice } from '../contract/tenant.ts';
import { Release } from '../contract/release.ts';
import type { Closing, Deps } from '../ports/deps.ts';
import { freeSlot, startNext, startRelease } from './start-release.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';
import { leaveToCompensation } from '../compensation/compensation.ts';
import { undoAll } from '../release/undo.ts';

/** The one arrow back: a release has its last word. Frees its slot and starts the next in line. Said twice, it does nothing. */
export async function settled(ctx: ObjectContext, deps: Deps, notice: SettledNotice): Promise<null> {
  const pointer = { tenant: ctx.key, bundle: notice.bundle, channel: notice.channel };
  const state = await getBundle(ctx, deps, notice.bundle);
  await freeSlot(ctx, deps, pointer, state, notice.version);
  return null;
}

/**
 * Sees to a release that nobody seems to run. Killed by an operator, or failed for good: it has ended in Restate without a last word,
 * none of our code runs any more, and it is settled here; what it had done is undone, and what it had moved stays moved. Not to be
 * found in Restate: it was cancelled before it began, its send was lost with the handler or with Restate's data, or it is only on its
 * way; it is sent once more, which is nothing if it is there, since a workflow runs once under its key.
 */
export async function reconcile(ctx: ObjectContext, deps: Deps, notice: ReconcileRequest): Promise<null> {
  const pointer = { tenant: ctx.key, bundle: notice.bundle, channel: notice.channel };
  const id = { tenant: ctx.key, bundle: notice.bundle, version: notice.version };
  const known = await asStoreUnavailable(
    ctx.run('ask Restate', () => deps.invocations.stateOf(id), stepRetries.whileHoldingTenant),
  );
  if (known === 'running') return null;
  const state = await reloadBundle(ctx, deps, notice.bundle);
  const slot = slotOf(state, notice.channel);
  if (slot.queue.some((queued) => queued.version === notice.version)) {
    if (!slot.inFlight) await startNext(ctx, deps, pointer, state);
  } else if (known === 'ended') {
    await settleDead(ctx, deps, id);
    await freeSlot(ctx, deps, pointer, state, notice.version);
    // Last, since nothing depends on it: operators read there what releases wait for.
    await asStoreUnavailable(
      ctx.run('clear state', () => deps.invocations.clearState(id), stepRetries.whileHoldingTenant),
    );
  } else if (inFlight(slot, notice.version)) {
    await startRelease(ctx, pointer, state, notice);
  } else {
    ctx.sendClient(Release, releaseKey(id)).run({ channel: notice.channel, source: notice.source });
  }
  return null;
}

async function settleDead(ctx: ObjectContext, deps: Deps, id: ReleaseId): Promise<void> {
  const retries = stepRetries.whileHoldingTenant;
  const reason = 'its invocation was killed, or failed, before it could say how it ended';
  const closing: Closing = await asStoreUnavailable(
    ctx.run(
      'close release',
      () =>
        deps.settlements.close(id, {
          outcome: 'errored',
          yieldsToIntent: true,
          reason,
          stage: null,
          at: deps.clock.now(),
        }),
      retries,
    ),
  );
  if (closing.kind === 'settled') return;
  const failed = closing.kind === 'closing' ? await undoAll(ctx, deps, id, closing.effects, retries) : [];
  if (closing.kind === 'moved') {
    const invocationId = ctx.request().id;
    await asStoreUnavailable(
      ctx.run(
        'announce move',
        () => deps.moves.announce(id, { invocationId, startedAt: deps.clock.now() }),
        retries,
      ),
    );
  }
  await asStoreUnavailable(
    ctx.run('settle release', () => deps.settlements.settle(id, deps.clock.now()), retries),
  );
  leaveToCompensation(ctx, id, failed);
}
