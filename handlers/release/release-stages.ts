import { CancelledError, type WorkflowContext } from '@restatedev/restate-sdk';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { stepRetries } from '../../core/limits/limits.ts';
import type { FailedOutcome, Stage } from '@pointsman/protocol/releases/release';
import { type ReleaseInput, WAITING_FOR } from '../contract/release.ts';
import { isDefect } from '../durable/defects.ts';
import type { Deps } from '../ports/deps.ts';
import type { Preparation } from '../ports/stages.ts';
import { compileRemotely } from './remote-compile.ts';
import { errored, superseded, rejected, type StageFailure } from './stage-failure.ts';
import { retriesExhausted } from '../durable/store-unavailable.ts';
import { type SettledAtSwap, swapThroughGates } from './swap-through-gates.ts';

/** The result of running all stages. */
export type PipelineResult =
  | SettledAtSwap
  | {
      readonly kind: 'stopped';
      readonly outcome: FailedOutcome;
      readonly yieldsToIntent: boolean;
      readonly reason: string;
      readonly stage: Stage;
    };

/**
 * Runs the stages up to and including the swap, in order. If a stage rejects the release, fails or is cancelled, returns
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
    const end = await runStages(ctx, deps, id, input, entered);
    return 'result' in end ? end : { kind: 'stopped', stage, ...end };
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
  input: ReleaseInput,
  entered: (stage: Stage) => void,
): Promise<StageFailure | SettledAtSwap> {
  let prepared = await prepare(ctx, deps, id, input);
  if (prepared.kind === 'compile_remotely') {
    entered('compile');
    const failure = await compileRemotely(ctx, deps, id, { source: input.source, rule: prepared.rule });
    if (failure !== null) return failure;
    prepared = await prepare(ctx, deps, id, input);
  }
  switch (prepared.kind) {
    case 'prepared':
      return swapThroughGates(ctx, deps, id, { channel: input.channel, gated: prepared.gated }, entered);
    case 'closed':
      return superseded();
    case 'invalid':
      return rejected(prepared.summary);
    case 'broken':
      entered(prepared.stage);
      return errored(prepared.reason);
    case 'compile_remotely':
      throw new TypeError('the compilation of the external compiler was not stored');
  }
}

function prepare(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  input: ReleaseInput,
): PromiseLike<Preparation> {
  const invocationId = ctx.request().id;
  return ctx.run(
    'prepare release',
    () => deps.stages.prepare(id, input, { invocationId, startedAt: deps.clock.now() }),
    stepRetries.insideRelease,
  );
}
