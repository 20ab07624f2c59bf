import { CancelledError, type WorkflowContext } from '@restatedev/restate-sdk';

import type { ReleaseId } from '../core/identifiers.ts';
import { releaseLimits, stepRetries } from '../core/limits.ts';
import type { FailedOutcome, Stage } from '../core/release.ts';
import { type ReleaseInput, type SwapAnswer, Tenant } from './contract.ts';
import type { Deps } from './deps.ts';
import { gaveUp, REFUSED } from './store-down.ts';

/** How the way to the pointer ended. */
export type Arrival =
  | { readonly kind: 'live' }
  | {
      readonly kind: 'stopped';
      readonly outcome: FailedOutcome;
      readonly yieldsToIntent: boolean;
      readonly reason: string;
      readonly stage: Stage;
    };

/**
 * The stages up to the swap, in order. Whatever stops them (a rule, a fault, a cancel) comes back as a value, with the stage at which
 * it happened; nothing has been undone yet.
 */
export async function goLive(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  input: ReleaseInput,
): Promise<Arrival> {
  let stage: Stage = 'validate';
  const entered = (next: Stage): void => {
    stage = next;
  };
  try {
    const arrival = await runStages(ctx, deps, id, input, entered);
    return arrival === null ? { kind: 'live' } : { kind: 'stopped', stage, ...arrival };
  } catch (error) {
    const cancelled = error instanceof CancelledError;
    if (!cancelled && !gaveUp(error)) throw error;
    return {
      kind: 'stopped',
      stage,
      outcome: cancelled ? 'cancelled' : 'errored',
      yieldsToIntent: cancelled,
      reason: cancelled
        ? 'cancelled through Restate'
        : `something broke in the stage ${stage}; the worker's log says what`,
    };
  }
}

interface Stop {
  readonly outcome: FailedOutcome;
  readonly yieldsToIntent: boolean;
  readonly reason: string;
}

async function runStages(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  { channel, source }: ReleaseInput,
  entered: (stage: Stage) => void,
): Promise<Stop | null> {
  const invocationId = ctx.request().id;
  const times = () => ({ invocationId, startedAt: deps.clock.now() });

  const valid = await ctx.run(
    'validate source',
    () => deps.stages.validate(id, source, times()),
    stepRetries.insideRelease,
  );
  if (valid.kind === 'invalid') return rejected(valid.summary);
  if (valid.kind === 'broken') return errored(valid.reason);

  entered('compile');
  const compiled = await ctx.run(
    'compile artifact',
    () => deps.stages.compile(id, source, valid, times()),
    stepRetries.insideRelease,
  );
  if (compiled.kind === 'closed') return noLongerCurrent();
  if (compiled.kind === 'broken') return errored(compiled.reason);

  entered('store');
  const stored = await ctx.run(
    'store artifact',
    () => deps.stages.store(id, channel, compiled, times()),
    stepRetries.insideRelease,
  );
  if (stored.kind === 'closed') return noLongerCurrent();
  if (stored.kind === 'broken') return errored(stored.reason);

  // No policy asks for a gate yet, so the store's transaction records the gate as passed.
  entered('swap');
  return stopAtSwap(await swapWhenAnswered(ctx, id, channel));
}

/**
 * The tenant's object answers at once, or says that its store is away; then the wait is ours, since nobody stands behind us. An answer that
 * does not come, because the worker was away for too long or an operator killed the swap, says as little: nothing is known, and the
 * swap finds its own move when it is asked again.
 */
async function swapWhenAnswered(ctx: WorkflowContext, id: ReleaseId, channel: string): Promise<SwapAnswer> {
  let until: number | null = null;
  for (;;) {
    const answer = await askForSwap(ctx, id, channel);
    if (answer.kind !== 'unavailable') return answer;
    const now = await ctx.date.now();
    until ??= now + releaseLimits.swapWaitMs;
    if (now >= until) return answer;
    await ctx.sleep(releaseLimits.swapIntervalMs);
  }
}

async function askForSwap(ctx: WorkflowContext, id: ReleaseId, channel: string): Promise<SwapAnswer> {
  try {
    return await ctx.client(Tenant, id.tenant).swap({ bundle: id.bundle, channel, version: id.version });
  } catch (error) {
    if (!gaveUp(error) || error.code === REFUSED) throw error;
    return { kind: 'unavailable' };
  }
}

function stopAtSwap(answer: SwapAnswer): Stop | null {
  switch (answer.kind) {
    case 'moved':
      return null;
    case 'not_current':
      return noLongerCurrent();
    case 'held':
      return rejected(`the pointer is held: ${answer.reason}`);
    case 'stale':
      return rejected(`the pointer has moved to generation ${answer.generation} since the author saw it`);
    case 'unavailable':
      return errored('the store was down for longer than a release waits');
  }
}

function rejected(reason: string): Stop {
  return { outcome: 'rejected', yieldsToIntent: false, reason };
}

function errored(reason: string): Stop {
  return { outcome: 'errored', yieldsToIntent: false, reason };
}

/** Another release has its place, or it is to be cancelled; which of them, the record knows. */
function noLongerCurrent(): Stop {
  return { outcome: 'superseded', yieldsToIntent: true, reason: 'another release took its place' };
}
