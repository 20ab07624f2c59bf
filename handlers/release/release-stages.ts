import { CancelledError, type WorkflowContext } from '@restatedev/restate-sdk';

import type { ReleaseId } from '../../core/identifiers.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import type { FailedOutcome, Stage } from '../../core/releases/release.ts';
import { type ReleaseInput, WAITING_FOR } from '../contract/release.ts';
import { isDefect } from '../durable/defects.ts';
import type { Deps } from '../ports/deps.ts';
import { compileElsewhere } from './remote-compile.ts';
import { errored, superseded, rejected, type StageFailure } from './stage-failure.ts';
import { retriesExhausted } from '../durable/store-unavailable.ts';
import { swapThroughGates } from './swap-through-gates.ts';

/** How the way to the pointer ended. */
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
 * The stages up to the swap, in order. Whatever stops them (a rule, a fault, a cancel) comes back as a value, with the stage at which
 * it happened; nothing has been undone yet.
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
    const arrival = await runStages(ctx, deps, id, input, entered);
    return arrival === null ? { kind: 'live' } : { kind: 'stopped', stage, ...arrival };
  } catch (error) {
    const cancelled = error instanceof CancelledError;
    const defect = isDefect(error);
    if (!cancelled && !defect && !retriesExhausted(error)) throw error;
    // Of every other error Restate's SDK writes the line.
    if (defect) ctx.console.error(`a defect in the stage ${stage}:`, error.stack);
    // It may have been interrupted while it waited.
    ctx.clear(WAITING_FOR);
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
    ? await compileElsewhere(ctx, deps, id, { source, rule: executor, validated: valid })
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
