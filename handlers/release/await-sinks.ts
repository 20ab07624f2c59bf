import { RestatePromise, type WorkflowContext } from '@restatedev/restate-sdk';

import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { stepRetries } from '../../core/limits/limits.ts';
import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { isoTime } from '../../core/gates/iso-time.ts';
import { sinkKey } from '@pointsman/protocol/sinks/sink';
import { WAITING_FOR } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { type DownSink, Sink } from '../contract/sink.ts';
import { errored, type StageFailure } from './stage-failure.ts';

/** The progress of a release that waits for unhealthy sinks. */
export interface Frozen {
  readonly checks: number;
  /**
   * The number of consecutive checks that found every sink healthy, although the swap had rejected the
   * recorded check results as too old.
   */
  readonly staleProofs: number;
  readonly untilMs: number;
}

/**
 * Checks the sinks that must be healthy before the pointer moves. If one of them is down, waits. After the
 * wait the caller requests the swap again, and the database decides whether the pointer may move. The wait
 * ends when the broker accepts writes again, or at the next scheduled check.
 *
 * If the worker dies, Restate replays the release up to the wait. If the release is cancelled or superseded,
 * the check or the wait throws a CancelledError.
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
    'check sinks',
    () => deps.sinks.checkHealth(id.tenant, names),
    stepRetries.insideRelease,
  );
  const nowMs = await ctx.date.now();
  const frozen: Frozen = {
    checks: (before?.checks ?? 0) + 1,
    staleProofs: down.length > 0 ? 0 : (before?.staleProofs ?? 0) + 1,
    untilMs: before?.untilMs ?? nowMs + sinkLimits.freezeMs,
  };
  if (down.length === 0 && frozen.staleProofs <= sinkLimits.staleProofs) return frozen;
  const still = down.length > 0 ? down : sinks;
  if (nowMs >= frozen.untilMs) {
    ctx.clear(WAITING_FOR);
    return errored(`${joinReasons(still)}, for longer than a release waits for sinks`);
  }
  ctx.set(WAITING_FOR, describeWaits(still, frozen.untilMs));
  const isNotified = still.every(({ shared }) => shared === true);
  const backoff = isNotified ? sinkLimits.notifiedBackoff : sinkLimits.freezeBackoff;
  const waitMs = backoffMs(frozen.checks, ctx.rand.random(), backoff);
  await waitUntilHealthy(ctx, id, still, { nowMs, untilMs: Math.min(nowMs + waitMs, frozen.untilMs) });
  return frozen;
}

/**
 * Waits until one of these brokers accepts writes again, or until the next scheduled check. A broker's writer
 * resolves the awakeable when the broker recovers.
 */
async function waitUntilHealthy(
  ctx: WorkflowContext,
  { tenant }: ReleaseId,
  down: readonly DownSink[],
  { nowMs, untilMs }: { readonly nowMs: number; readonly untilMs: number },
): Promise<void> {
  const nextCheck = ctx.sleep(untilMs - nowMs, 'until the sinks are checked again');
  const brokers = down.filter(({ shared }) => shared === true);
  if (brokers.length === 0) return nextCheck;
  const well = ctx.awakeable<null>();
  for (const { sink } of brokers) {
    const key = sinkKey({ tenant, sink });
    ctx.sendClient(Sink, key).awaitHealth({ tenant, sink, awakeableId: well.id, untilMs });
  }
  await RestatePromise.race([well.promise.map(() => null), nextCheck.map(() => null)]);
}

function joinReasons(down: readonly DownSink[]): string {
  return down.map(({ sink, why }) => `the sink "${sink}" was down (${why})`).join('; ');
}

/** Formats the wait as a state value of the release, which operators read. */
function describeWaits(down: readonly DownSink[], untilMs: number): Record<string, string> {
  return Object.fromEntries(
    down.map(({ sink, why }) => [
      `sink ${sink}`,
      `waits until it is healthy, at the latest until ${isoTime(untilMs)}: ${why}`,
    ]),
  );
}
