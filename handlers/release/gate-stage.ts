import { RestatePromise, type WorkflowContext } from '@restatedev/restate-sdk';

import { calloutKey } from '../../core/callout.ts';
import type { ReleaseId } from '../../core/identifiers.ts';
import { isoTime } from '../../core/gates/iso-time.ts';
import { gateLimits, stepRetries } from '../../core/limits/limits.ts';
import { WAITING_FOR, gateDecisionPromise } from '../contract/release.ts';
import type { Deps, GateStatus } from '../ports/deps.ts';
import { Callout } from '../contract/callout.ts';
import { superseded, rejected, type StageFailure } from './stage-failure.ts';

type Waiting = Extract<GateStatus, { kind: 'waiting' }>;

/**
 * Waits until all is said that must be said before the swap, for days if need be, and holds nothing meanwhile: the workflow is suspended.
 *
 * The record decides what a word means; a word, or the end of the shortest wait, only makes the workflow look there again. So nothing is
 * lost with a word whose handler was killed before it could wake us: it counts at the next look, at the latest at the deadline.
 * Dies inside: replayed up to the wait. Cancelled: the cancel surfaces at the wait.
 */
export async function passGates(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
): Promise<StageFailure | null> {
  const asked = new Set<string>();
  for (;;) {
    const board = await ctx.run(
      'look at gates',
      () => deps.gates.evaluate(id, deps.clock.now()),
      stepRetries.insideRelease,
    );
    if (board.kind === 'waiting') {
      askForChecks(ctx, id, board, asked);
      ctx.set(WAITING_FOR, inWords(board));
      await nextWord(ctx, board);
    } else {
      ctx.clear(WAITING_FOR);
      if (board.kind === 'passed') return null;
      return board.kind === 'failed' ? rejected(board.reason) : superseded();
    }
  }
}

/** One way, so that nobody waits for a slow provider. A second time, after another round of gates, the record knows that it was asked. */
function askForChecks(ctx: WorkflowContext, id: ReleaseId, { gates }: Waiting, asked: Set<string>): void {
  for (const { gate, url, deadlineMs } of gates) {
    if (url === null || asked.has(gate)) continue;
    asked.add(gate);
    const key = calloutKey({ id, purpose: 'check', subject: gate });
    ctx.sendClient(Callout, key).requestCheck({ url, deadlineMs });
  }
}

/** For operators, who read it as this release's state. */
function inWords({ gates }: Waiting): Record<string, string> {
  return Object.fromEntries(gates.map(({ gate, kind, says }) => [`${kind} ${gate}`, says]));
}

async function nextWord(ctx: WorkflowContext, { gates, wakes }: Waiting): Promise<void> {
  const untilMs = Math.min(...gates.map(({ deadlineMs }) => deadlineMs));
  const restMs = Math.max(untilMs - (await ctx.date.now()), gateLimits.shortestLookMs);
  const word = ctx.promise<null>(gateDecisionPromise(wakes + 1)).get();
  const deadline = ctx.sleep(restMs, `until ${isoTime(untilMs)}`);
  await RestatePromise.race([word.map(() => null), deadline.map(() => null)]);
}
