import { RestatePromise, type WorkflowContext } from '@restatedev/restate-sdk';

import { calloutKey } from '../../core/callout.ts';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { isoTime } from '../../core/gates/iso-time.ts';
import { stepRetries, gateLimits } from '../../core/limits/limits.ts';
import { WAITING_FOR, gateDecisionPromise } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import type { GateStatus } from '../ports/gates.ts';
import { Callout } from '../contract/callout.ts';
import { superseded, rejected, type StageFailure } from './stage-failure.ts';

type Waiting = Extract<GateStatus, { kind: 'waiting' }>;

/**
 * Waits until every gate before the swap is decided. The wait may take days. Meanwhile the workflow is
 * suspended, and it holds no key of the tenant.
 *
 * The database applies the decisions. When a decision is recorded, or the earliest deadline passes, the
 * workflow only evaluates the gates again. A handler that records a decision may be killed before it resolves
 * the promise. The decision then still counts at the next evaluation, at the latest at the deadline.
 *
 * If the worker dies, Restate replays the release up to the wait. If the release is cancelled, the wait
 * throws a CancelledError.
 */
export async function passGates(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
): Promise<StageFailure | null> {
  const requested = new Set<string>();
  for (;;) {
    const status = await ctx.run(
      'evaluate gates',
      () => deps.gates.evaluate(id, deps.clock.now()),
      stepRetries.insideRelease,
    );
    if (status.kind === 'waiting') {
      requestChecks(ctx, id, status, requested);
      ctx.set(WAITING_FOR, describeGates(status));
      await nextDecision(ctx, status);
    } else {
      ctx.clear(WAITING_FOR);
      if (status.kind === 'passed') return null;
      return status.kind === 'failed' ? rejected(status.reason) : superseded();
    }
  }
}

/**
 * Requests the checks without waiting for the responses, so that one slow check does not delay the others. A
 * second request for the same check has no effect, because the database shows that it was already requested.
 */
function requestChecks(
  ctx: WorkflowContext,
  id: ReleaseId,
  { gates }: Waiting,
  requested: Set<string>,
): void {
  for (const { gate, url, deadlineMs } of gates) {
    if (url === null || requested.has(gate)) continue;
    requested.add(gate);
    const key = calloutKey({ id, purpose: 'check', subject: gate });
    ctx.sendClient(Callout, key).requestCheck({ url, deadlineMs });
  }
}

/** Formats the open gates as a state value of the release, which operators read. */
function describeGates({ gates }: Waiting): Record<string, string> {
  return Object.fromEntries(gates.map(({ gate, kind, statusText }) => [`${kind} ${gate}`, statusText]));
}

async function nextDecision(ctx: WorkflowContext, { gates, gatesDecided }: Waiting): Promise<void> {
  const untilMs = Math.min(...gates.map(({ deadlineMs }) => deadlineMs));
  const restMs = Math.max(untilMs - (await ctx.date.now()), gateLimits.shortestWaitMs);
  const decision = ctx.promise<null>(gateDecisionPromise(gatesDecided + 1)).get();
  const deadline = ctx.sleep(restMs, `until ${isoTime(untilMs)}`);
  await RestatePromise.race([decision.map(() => null), deadline.map(() => null)]);
}
