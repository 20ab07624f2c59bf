import { CancelledError, type WorkflowContext } from '@restatedev/restate-sdk';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { stepRetries } from '../../core/limits/limits.ts';
import type { FailedOutcome, Stage } from '@pointsman/protocol/releases/release';
import { type ReleaseInput, WAITING_FOR } from '../contract/release.ts';
import { isDefect } from '../durable/defects.ts';
import type { Deps } from '../ports/deps.ts';
import { compileRemotely } from './remote-compile.ts';
import { errored, superseded, rejected, type StageFailure } from './stage-failure.ts';
import { retriesExhausted } from '../durable/store-unavailable.ts';
import { swapThroughGates } from './swap-through-gates.ts';

/** The result of running all stages up to the swap. */
export type PipelineResult =
  | { readonly kind: 'live' }
  | {
      readonly kind: 'stopped';
      readonly outcome: FailedOutcome;
      readonly yieldsToIntent: boolean;
      readonly reason: string;
      readonly stage: Stage;
    };

/**
 * Runs the stages up to the swap, in order. If a stage rejects the release, fails or is cancelled, returns
 * the reason and the name of the stage instead of throwing. The caller must then undo the effects of the
 * release.
 */
export async function runPipeline(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  input: ReleaseInput,
): Promise<PipelineResult> {
  let stage: Stage = 'validate';
  const entered = (next: Stage): void => {
    stage = next;
  };
  try {
    const failure = await runStages(ctx, deps, id, input, entered);
    return failure === null ? { kind: 'live' } : { kind: 'stopped', stage, ...failure };
  } catch (error) {
    const cancelled = error instanceof CancelledError;
    const defect = isDefect(error);
    if (!cancelled && !defect && !retriesExhausted(error)) throw error;
    // Only defects are logged here, because the Restate SDK logs all other errors.
    if (defect) ctx.console.error(`a defect in the stage ${stage}:`, error.stack);
    // If a cancellation interrupted a wait, the state still contains the description of the wait. It is
    // deleted here.
    ctx.clear(WAITING_FOR);
    return {
      kind: 'stopped',
      stage,
      outcome: cancelled ? 'cancelled' : 'errored',
      yieldsToIntent: cancelled,
      reason: cancelled
        ? 'cancelled through Restate'
        : `the stage ${stage} failed unexpectedly; see the worker's log`,
    };
  }
}

async function runStages(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  { channel, source }: ReleaseInput,
  entered: (stage: Stage) => void,
): Promise<StageFailure | null> {
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
  const { executor } = valid;
  const compiled = executor
    ? await compileRemotely(ctx, deps, id, { source, rule: executor, validated: valid })
    : await ctx.run(
        'compile artifact',
        () => deps.stages.compile(id, source, valid, times()),
        stepRetries.insideRelease,
      );
  if (compiled.kind === 'closed') return superseded();
  if (compiled.kind === 'invalid') return rejected(compiled.summary);
  if (compiled.kind === 'broken') return errored(compiled.reason);

  entered('store');
  const stored = await ctx.run(
    'store artifact',
    () => deps.stages.store(id, channel, compiled, times()),
    stepRetries.insideRelease,
  );
  if (stored.kind === 'closed') return superseded();
  if (stored.kind === 'broken') return errored(stored.reason);

  return swapThroughGates(ctx, deps, id, { channel, gated: stored.gated }, entered);
}
