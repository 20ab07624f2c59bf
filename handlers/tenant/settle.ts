import type { ObjectContext } from '@restatedev/restate-sdk';

import { type ReleaseId, releaseKey } from '@pointsman/protocol/identifiers';
import { stepRetries } from '../../core/limits/limits.ts';
import { inFlight, slotOf } from '../../core/releases/slot.ts';
import { getBundle, reloadBundle } from './bundle-state.ts';
import { type ReconcileRequest, type SettledNotice } from '../contract/tenant.ts';
import { Release } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import type { Closing } from '../ports/settlements.ts';
import { freeSlot, startNext, startRelease } from './start-release.ts';
import { asStoreUnavailable } from '../durable/store-unavailable.ts';
import { sendToCompensation } from '../compensation/compensation.ts';
import { undoAll } from '../release/undo.ts';

/**
 * Frees the slot of a release that has settled without a move of its pointer, and starts the next one in the
 * queue. This is the only handler of Tenant that a settled release calls. Idempotent.
 */
export async function settled(ctx: ObjectContext, deps: Deps, notice: SettledNotice): Promise<null> {
  const pointer = { tenant: ctx.key, bundle: notice.bundle, channel: notice.channel };
  const state = await getBundle(ctx, deps, notice.bundle);
  await freeSlot(ctx, deps, pointer, state, notice.version);
  return null;
}

/**
 * Repairs a release whose workflow does not seem to run.
 *
 * A workflow that an operator killed, or that failed permanently, has ended in Restate without settling its
 * release. This handler then settles the release and undoes its effects; a pointer that has already moved is
 * not moved back.
 *
 * If Restate does not list the workflow, there are three possible causes: it was cancelled before it started,
 * its start message was lost, or that message is still in transit. This handler then starts the workflow
 * again. If the workflow exists after all, that has no effect, because a workflow runs once per key.
 */
export async function reconcile(ctx: ObjectContext, deps: Deps, notice: ReconcileRequest): Promise<null> {
  const pointer = { tenant: ctx.key, bundle: notice.bundle, channel: notice.channel };
  const id = { tenant: ctx.key, bundle: notice.bundle, version: notice.version };
  const workflowState = await asStoreUnavailable(
    ctx.run('ask Restate', () => deps.invocations.stateOf(id), stepRetries.whileHoldingTenant),
  );
  if (workflowState === 'running') return null;
  const state = await reloadBundle(ctx, deps, notice.bundle);
  const slot = slotOf(state, notice.channel);
  if (slot.queue.some((queued) => queued.version === notice.version)) {
    if (!slot.inFlight) await startNext(ctx, deps, pointer, state);
  } else if (workflowState === 'ended') {
    await settleEnded(ctx, deps, id);
    await freeSlot(ctx, deps, pointer, state, notice.version);
    // Deletes the `waitingFor` state that the ended workflow left behind. This is the last step, because no
    // code depends on that state.
    await asStoreUnavailable(
      ctx.run('clear state', () => deps.invocations.clearState(id), stepRetries.whileHoldingTenant),
    );
  } else if (inFlight(slot, notice.version)) {
    startRelease(ctx, pointer, state, notice);
  } else {
    ctx.sendClient(Release, releaseKey(id)).run({ channel: notice.channel, source: notice.source });
  }
  return null;
}

async function settleEnded(ctx: ObjectContext, deps: Deps, id: ReleaseId): Promise<void> {
  const retries = stepRetries.whileHoldingTenant;
  const reason = 'its invocation was killed or failed before the release was settled';
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
  const failed = await undoAll(ctx, deps, id, closing.effects, retries);
  await asStoreUnavailable(
    ctx.run('settle release', () => deps.settlements.settle(id, deps.clock.now()), retries),
  );
  sendToCompensation(ctx, id, failed);
}
