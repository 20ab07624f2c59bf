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
import type { Admission, Deps } from '../ports/deps.ts';
import { freeSlot, startNext, startRelease } from './start-release.ts';
import { asStoreUnavailable, STORE_UNAVAILABLE } from '../durable/store-unavailable.ts';

/** Durable state may be behind the record by a lost notice and a lost number; more than that is a bug worth an error. */
const ADMISSION_ROUNDS = 4;

/**
 * Admits a release, numbers it, and starts it or puts it in line; the one place where it is decided who supersedes whom.
 *
 * Dies inside: replayed; the record recognises its own row by the idempotency key. Killed inside: a row that was written but never
 * started is settled by the sweep, and the next publish finds its number taken and catches up. Nothing needs an undo: a release that
 * was admitted ends by itself.
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
    const answer = await record(ctx, deps, request, state, placed);
    switch (answer.kind) {
      case 'accepted':
        // One that was admitted before and has the next number is this very try, whose process died before it knew: nobody has taken it in yet.
        if (!answer.replayed || answer.version === state.lastVersion + 1)
          await enter(ctx, request, state, placed, answer.version);
        return answer;
      case 'version_taken':
        state = await startNext(ctx, deps, pointer, await reloadBundle(ctx, deps, request.bundle));
        break;
      case 'slot_free': {
        const ended = slotOf(state, request.channel).inFlight;
        state = ended ? await freeSlot(ctx, deps, pointer, state, ended.version) : state;
        break;
      }
      default:
        return answer;
    }
  }
  throw new TerminalError('the tenant keeps moving on by itself; ask again', {
    errorCode: STORE_UNAVAILABLE,
  });
}

async function record(
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

/** On record; now into the slot or the line. Those that were superseded hear of it last, when their place is already taken. */
async function enter(
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
