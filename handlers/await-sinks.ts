import type { WorkflowContext } from '@restatedev/restate-sdk';

import { backoffMs } from '../core/backoff.ts';
import { sinkLimits } from '../core/distribution-limits.ts';
import type { ReleaseId } from '../core/identifiers.ts';
import { isoTime } from '../core/iso-time.ts';
import { stepRetries } from '../core/limits.ts';
import { WAITING_FOR } from './contract.ts';
import type { Deps } from './deps.ts';
import type { DownSink } from './sink-contract.ts';
import { errored, type Stop } from './stop.ts';

/** How long a release has been kept from its swap by sinks. */
export interface Frozen {
  readonly looks: number;
  readonly untilMs: number;
}

/**
 * Sees to sinks that must be well before the pointer moves: looks whether they are, and waits a while where they are not. Afterwards the swap is to
 * be asked for again, which decides by what is on record then.
 *
 * Dies inside: replayed up to the wait. Cancelled, or superseded, which comes as a cancel: it surfaces at the look or at the wait.
 */
export async function awaitSinks(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  sinks: readonly DownSink[],
  before: Frozen | null,
): Promise<Frozen | Stop> {
  const names = sinks.map(({ sink }) => sink);
  const down = await ctx.run(
    'prove sinks',
    () => deps.sinks.prove(id.tenant, names),
    stepRetries.insideRelease,
  );
  const nowMs = await ctx.date.now();
  const frozen = { looks: (before?.looks ?? 0) + 1, untilMs: before?.untilMs ?? nowMs + sinkLimits.freezeMs };
  // Well by now: asked again at once. A second time somebody else says otherwise, and that is worth a pause.
  if (down.length === 0 && frozen.looks === 1) return frozen;
  const still = down.length > 0 ? down : sinks;
  if (nowMs >= frozen.untilMs) {
    ctx.clear(WAITING_FOR);
    return errored(`${inOneLine(still)}, for longer than a release waits`);
  }
  ctx.set(WAITING_FOR, inWords(still, frozen.untilMs));
  const waitMs = backoffMs(frozen.looks, ctx.rand.random(), sinkLimits.freezeBackoff);
  await ctx.sleep(Math.min(waitMs, frozen.untilMs - nowMs), 'until sinks are looked at again');
  return frozen;
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
