import { RestatePromise, type WorkflowContext } from '@restatedev/restate-sdk';

import { backoffMs } from '../../core/backoff.ts';
import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import type { ReleaseId } from '../../core/identifiers.ts';
import { isoTime } from '../../core/gates/iso-time.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import { sinkKey } from '../../core/sink.ts';
import { WAITING_FOR } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { type DownSink, Sink } from '../contract/sink.ts';
import { errored, type StageFailure } from './stage-failure.ts';

/** How long sinks have kept a release from its swap. */
export interface Frozen {
  readonly looks: number;
  /** The last so many looks found all sinks well, and the swap did not take their proof. */
  readonly staleProofs: number;
  readonly untilMs: number;
}

/**
 * Looks at the sinks that must be well before the pointer moves, and waits where one of them is down. Afterwards the swap is to be asked for again,
 * which decides by what is on record then. The writer of a broker's partition ends the wait when the broker takes something again; otherwise it
 * ends by itself, for the next look.
 *
 * Dies inside: replayed up to the wait. Cancelled, or superseded, which comes as a cancel: it surfaces at the look or at the wait.
 */
export async function awaitSinks(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  sinks: readonly DownSink[],
  before: Frozen | null,
): Promise<Frozen | StageFailure> {
  const names = sinks.map(({ sink }) => sink);
  const down = await ctx.run(
    'prove sinks',
    () => deps.sinks.prove(id.tenant, names),
    stepRetries.insideRelease,
  );
  const nowMs = await ctx.date.now();
  const frozen: Frozen = {
    looks: (before?.looks ?? 0) + 1,
    staleProofs: down.length > 0 ? 0 : (before?.staleProofs ?? 0) + 1,
    untilMs: before?.untilMs ?? nowMs + sinkLimits.freezeMs,
  };
  if (down.length === 0 && frozen.staleProofs <= sinkLimits.staleProofs) return frozen;
  const still = down.length > 0 ? down : sinks;
  if (nowMs >= frozen.untilMs) {
    ctx.clear(WAITING_FOR);
    return errored(`${inOneLine(still)}, for longer than a release waits`);
  }
  ctx.set(WAITING_FOR, inWords(still, frozen.untilMs));
  const isWoken = still.every(({ shared }) => shared === true);
  const backoff = isWoken ? sinkLimits.wokenBackoff : sinkLimits.freezeBackoff;
  const waitMs = backoffMs(frozen.looks, ctx.rand.random(), backoff);
  await untilWell(ctx, id, still, { nowMs, untilMs: Math.min(nowMs + waitMs, frozen.untilMs) });
  return frozen;
}

/** Waits until the writer of one of those brokers wakes this release, or until the next look. */
async function untilWell(
  ctx: WorkflowContext,
  { tenant }: ReleaseId,
  down: readonly DownSink[],
  { nowMs, untilMs }: { readonly nowMs: number; readonly untilMs: number },
): Promise<void> {
  const nextLook = ctx.sleep(untilMs - nowMs, 'until sinks are looked at again');
  const brokers = down.filter(({ shared }) => shared === true);
  if (brokers.length === 0) return nextLook;
  const well = ctx.awakeable<null>();
  for (const { sink } of brokers) {
    const key = sinkKey({ tenant, sink });
    ctx.sendClient(Sink, key).awaitHealth({ tenant, sink, awakeableId: well.id, untilMs });
  }
  await RestatePromise.race([well.promise.map(() => null), nextLook.map(() => null)]);
}

function inOneLine(down: readonly DownSink[]): string {
  return down.map(({ sink, why }) => `the sink "${sink}" was down (${why})`).join('; ');
}

/** For operators, as for gates. */
function inWords(down: readonly DownSink[], untilMs: number): Record<string, string> {
  return Object.fromEntries(
    down.map(({ sink, why }) => [
      `sink ${sink}`,
      `waits until it is well, until ${isoTime(untilMs)}: ${why}`,
    ]),
  );
}
