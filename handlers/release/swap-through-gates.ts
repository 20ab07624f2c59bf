import type { WorkflowContext } from '@restatedev/restate-sdk';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { releaseLimits, gateLimits } from '../../core/limits/limits.ts';
import type { Stage } from '@pointsman/protocol/releases/release';
import { unchangedText } from '../../core/texts/release-texts.ts';
import { awaitSinks, type Frozen } from './await-sinks.ts';
import { type SwapResult, Tenant } from '../contract/tenant.ts';
import { type ReleaseResult, WAITING_FOR } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { passGates } from './gate-stage.ts';
import { errored, superseded, rejected, type StageFailure } from './stage-failure.ts';
import { retriesExhausted, REFUSED } from '../durable/store-unavailable.ts';

interface SwapOptions {
  readonly channel: string;
  /**
   * True if the release must pass gates before the swap. False also if its artifact was live when it was
   * prepared. The swap opens the gates then if something else is live.
   */
  readonly gated: boolean;
}

/** The swap has settled the release: the pointer has moved, or its artifact was live already. */
export interface SettledAtSwap {
  readonly kind: 'settled';
  readonly result: ReleaseResult;
}

/**
 * Waits until all gates have passed, and then requests the swap. The swap is refused if the gates no longer
 * pass; then this function waits for them again. Three causes are possible. Another release went live, which
 * voids the approvals, or which makes gates necessary that were skipped. Or a freeze began while the release
 * waited for the database or for a sink.
 *
 * If the tenant's object reports that the database is unavailable, this workflow waits and tries again. It
 * may wait, because no other call waits for its key. A swap call without a response is handled in the same
 * way: the worker was unreachable for too long, or an operator killed the call. It is then unknown whether
 * the pointer moved. Repeating the swap is safe, because it returns the recorded move.
 */
export async function swapThroughGates(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  { channel, gated }: SwapOptions,
  entered: (stage: Stage) => void,
): Promise<StageFailure | SettledAtSwap> {
  let hasGates = gated;
  let until: number | null = null;
  let frozen: Frozen | null = null;
  for (let round = 0; round < gateLimits.rounds;) {
    if (hasGates) {
      entered('gate');
      const failure = await passGates(ctx, deps, id);
      if (failure) return failure;
    }
    entered('swap');
    const result = await requestSwap(ctx, id, channel);
    // Each outage of the database has its own deadline. Without this reset, the deadline of an earlier outage
    // would end the wait in the next one too early.
    if (result.kind !== 'unavailable') until = null;
    if (frozen !== null && result.kind !== 'sinks_down' && result.kind !== 'unavailable') {
      ctx.clear(WAITING_FOR);
      frozen = null;
    }
    if (result.kind === 'gates_open') {
      hasGates = true;
      round += 1;
    } else if (result.kind === 'unavailable') {
      const now = await ctx.date.now();
      until ??= now + releaseLimits.swapWaitMs;
      if (now >= until) return errored('the store was unavailable for longer than a release waits');
      await ctx.sleep(releaseLimits.swapIntervalMs);
    } else if (result.kind === 'sinks_down') {
      const waited: Frozen | StageFailure = await awaitSinks(ctx, deps, id, result.sinks, frozen);
      if ('outcome' in waited) return waited;
      frozen = waited;
    } else {
      return stopAtSwap(result);
    }
  }
  return rejected('the live release changed too often while this release was being approved');
}

async function requestSwap(ctx: WorkflowContext, id: ReleaseId, channel: string): Promise<SwapResult> {
  try {
    return await ctx.client(Tenant, id.tenant).swap({ bundle: id.bundle, channel, version: id.version });
  } catch (error) {
    if (!retriesExhausted(error) || error.code === REFUSED) throw error;
    return { kind: 'unavailable' };
  }
}

function stopAtSwap(
  result: Exclude<SwapResult, { kind: 'unavailable' | 'gates_open' | 'sinks_down' }>,
): StageFailure | SettledAtSwap {
  switch (result.kind) {
    case 'moved':
      return { kind: 'settled', result: { outcome: 'published', reason: null } };
    case 'unchanged':
      return { kind: 'settled', result: { outcome: 'unchanged', reason: unchangedText(result.version) } };
    case 'not_current':
      return superseded();
    case 'held':
      return rejected(`the pointer is held: ${result.reason}`);
    case 'stale':
      return rejected(`the pointer has moved to generation ${result.generation} since the author saw it`);
    case 'gate_added':
      return rejected(
        `the policy has gained the gate "${result.gate}" since this release was admitted (version ${result.policy}): publish again`,
      );
  }
}
