import { InvocationIdParser, type ObjectContext, TerminalError } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import {
  occupySlot,
  type BundleState,
  type Placement,
  decidePlacement,
  slotOf,
} from '../../core/releases/slot.ts';
import { getBundle, reloadBundle, setBundle } from './bundle-state.ts';
import type { PublishResult, PublishRequest } from '../contract/tenant.ts';
import type { Admission } from '../ports/admissions.ts';
import type { Deps } from '../ports/deps.ts';
import { freeSlot, startNext, startRelease } from './start-release.ts';
import { asStoreUnavailable, STORE_UNAVAILABLE } from '../durable/store-unavailable.ts';

/**
 * The number of attempts to admit a release. The durable state may lag behind the database by one lost
 * settlement notice and one lost version number. If more attempts are needed, there is a bug, and the publish
 * fails.
 */
const ADMISSION_ROUNDS = 4;

/**
 * Admits a release, numbers it, and starts or queues it. Only this handler decides which release supersedes which.
 *
 * If the worker dies, Restate replays the handler, and the database finds the admitted release by its idempotency
 * key. If it is killed, the sweep settles a release that was admitted but never started. The next publish finds its
 * version number already used and reloads the state. Nothing must be undone.
 */
export async function publish(
  ctx: ObjectContext,
  deps: Deps,
  request: PublishRequest,
): Promise<PublishResult> {
  const pointer = { tenant: ctx.key, bundle: request.bundle, channel: request.channel };
  let state = await getBundle(ctx, deps, request.bundle);
  for (let round = 0; round < ADMISSION_ROUNDS; round++) {
    const placed = decidePlacement(slotOf(state, request.channel), request.onConflict);
    const result = await admit(ctx, deps, request, state, placed);
    switch (result.kind) {
      case 'accepted':
        // A replayed release with the next version number was admitted by this same call: the process died
        // before the result was journaled. That release is not in a slot yet.
        if (!result.replayed || result.version === state.lastVersion + 1)
          await occupy(ctx, request, state, placed, result.version);
        return result;
      case 'version_taken':
        state = await startNext(ctx, deps, pointer, await reloadBundle(ctx, deps, request.bundle));
        break;
      case 'slot_free': {
        const ended = slotOf(state, request.channel).inFlight;
        state = ended ? await freeSlot(ctx, deps, pointer, state, ended.version) : state;
        break;
      }
      default:
        return result;
    }
  }
  throw new TerminalError('the state of the tenant keeps changing; try again', {
    errorCode: STORE_UNAVAILABLE,
  });
}

async function admit(
  ctx: ObjectContext,
  deps: Deps,
  request: PublishRequest,
  state: BundleState,
  placed: Placement,
): Promise<Admission> {
  const tenant = ctx.key;
  const proposal = {
    ...request,
    ...placed,
    tenant,
    version: state.lastVersion + 1,
    inFlight: slotOf(state, request.channel).inFlight?.version ?? null,
  };
  return asStoreUnavailable(
    ctx.run(
      'admit release',
      () => deps.admissions.admit({ ...proposal, at: deps.clock.now() }),
      stepRetries.whileHoldingTenant,
    ),
  );
}

/**
 * Puts an admitted release into the slot or the queue. Cancels the superseded release last, when the new one
 * already occupies the slot.
 */
async function occupy(
  ctx: ObjectContext,
  request: PublishRequest,
  before: BundleState,
  placed: Placement,
  version: number,
): Promise<void> {
  const { bundle, channel, source } = request;
  const replaced = slotOf(before, channel).inFlight;
  const placement = placed.placement === 'queue' ? 'queue' : 'start';
  const state = occupySlot(before, channel, { version, source }, placement);
  if (placement === 'queue') {
    setBundle(ctx, bundle, state);
    return;
  }
  await startRelease(ctx, { tenant: ctx.key, bundle, channel }, state, { version, source });
  if (replaced?.invocationId && placed.supersedes.includes(replaced.version)) {
    ctx.invocation(InvocationIdParser.fromString(replaced.invocationId)).cancel();
  }
}
