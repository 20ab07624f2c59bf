import type { WorkflowContext } from '@restatedev/restate-sdk';

import type { ReleaseId } from '../../core/identifiers.ts';
import { gateLimits, releaseLimits } from '../../core/limits/limits.ts';
import type { Stage } from '../../core/releases/release.ts';
import { awaitSinks, type Frozen } from './await-sinks.ts';
import { type SwapResult, Tenant } from '../contract/tenant.ts';
import { WAITING_FOR } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { passGates } from './gate-stage.ts';
import { errored, superseded, rejected, type StageFailure } from './stage-failure.ts';
import { retriesExhausted, REFUSED } from '../durable/store-unavailable.ts';

interface Way {
  readonly channel: string;
  /** Something must be said before the swap. */
  readonly gated: boolean;
}

/**
 * Asks for the swap once all gates have passed, and goes back to them whenever that is no longer so: approvals are void once something else
 * is live, and a freeze may begin while the store is away, or while a sink is that must hear of the move.
 *
 * The tenant's object answers at once, or says that its store is away; then the wait is ours, since nobody stands behind us. An answer that
 * does not come, because the worker was away for too long or an operator killed the swap, says as little: nothing is known, and the
 * swap finds its own move when it is asked again.
 */
export async function swapThroughGates(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  { channel, gated }: Way,
  entered: (stage: Stage) => void,
): Promise<StageFailure | null> {
  let until: number | null = null;
  let frozen: Frozen | null = null;
  for (let round = 0; round < gateLimits.rounds;) {
    if (gated) {
      entered('gate');
      const stop = await passGates(ctx, deps, id);
      if (stop) return stop;
    }
    entered('swap');
    const answer = await askForSwap(ctx, id, channel);
    // Each wait has its own deadline. The deadline of a wait that is over must not end the next one early.
    if (answer.kind !== 'unavailable') until = null;
    if (frozen !== null && answer.kind !== 'sinks_down' && answer.kind !== 'unavailable') {
      ctx.clear(WAITING_FOR);
      frozen = null;
    }
    if (answer.kind === 'gates_open') {
      round += 1;
    } else if (answer.kind === 'unavailable') {
      const now = await ctx.date.now();
      until ??= now + releaseLimits.swapWaitMs;
      if (now >= until) return errored('the store was down for longer than a release waits');
      await ctx.sleep(releaseLimits.swapIntervalMs);
    } else if (answer.kind === 'sinks_down') {
      const seen: Frozen | StageFailure = await awaitSinks(ctx, deps, id, answer.sinks, frozen);
      if ('outcome' in seen) return seen;
      frozen = seen;
    } else {
      return stopAtSwap(answer);
    }
  }
  return rejected('what is live has changed too often while this was being approved');
}

async function askForSwap(ctx: WorkflowContext, id: ReleaseId, channel: string): Promise<SwapResult> {
  try {
    return await ctx.client(Tenant, id.tenant).swap({ bundle: id.bundle, channel, version: id.version });
  } catch (error) {
    if (!retriesExhausted(error) || error.code === REFUSED) throw error;
    return { kind: 'unavailable' };
  }
}

function stopAtSwap(
  answer: Exclude<SwapResult, { kind: 'unavailable' | 'gates_open' | 'sinks_down' }>,
): StageFailure | null {
  switch (answer.kind) {
    case 'moved':
      return null;
    case 'not_current':
      return superseded();
    case 'held':
      return rejected(`the pointer is held: ${answer.reason}`);
    case 'stale':
      return rejected(`the pointer has moved to generation ${answer.generation} since the author saw it`);
    case 'gate_added':
      return rejected(
        `the policy has gained the gate "${answer.gate}" since this release was admitted (version ${answer.policy}): publish again`,
      );
  }
}
