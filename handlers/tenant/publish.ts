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
 * The maximum number of attempts to admit a release. The Restate state may lag behind the database by one
 * lost settlement notice and one lost version number. If more attempts are needed, there is a bug, and the
 * publish fails.
 */
const ADMISSION_ROUNDS = 4;

/**
 * Admits a release, assigns its version number, and starts or queues it. Only this handler decides which
 * release supersedes which.
 *
 * If the worker dies, Restate replays the handler, and the database finds the admitted release by its
 * idempotency key. If the handler is killed, the worker's periodic sweep settles a release that was admitted
 * but never started. The next publish finds that the version number is already used, and reloads the state
 * from the database. Nothing must be undone.
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
        // `replayed` with the next version number means that an earlier attempt of this same call admitted
        // the release, and died before the result was journaled. The release has no slot yet.
        if (!result.replayed || result.version === state.lastVersion + 1)
          occupy(ctx, request, state, placed, result);
        return {
          kind: 'accepted',
          version: result.version,
          replayed: result.replayed,
          started: result.started,
        };
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
 * Puts an admitted release into the slot or the queue. The superseded releases are cancelled last. The new one
 * then already occupies the slot, so the settlement of an old one does not start a queued release.
 */
function occupy(
  ctx: ObjectContext,
  request: PublishRequest,
  before: BundleState,
  placed: Placement,
  { version, superseded }: Extract<Admission, { kind: 'accepted' }>,
): void {
  const { bundle, channel, source } = request;
  const placement = placed.placement === 'queue' ? 'queue' : 'start';
  const state = occupySlot(before, channel, { version, source }, placement);
  if (placement === 'queue') setBundle(ctx, bundle, state);
  else startRelease(ctx, { tenant: ctx.key, bundle, channel }, state, { version, source });
  for (const id of superseded) ctx.invocation(InvocationIdParser.fromString(id)).cancel();
}
