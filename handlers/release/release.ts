import { implement, TerminalError, type WorkflowContext } from '@restatedev/restate-sdk';

import { parseReleaseKey, type ReleaseId } from '../../core/identifiers.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import { recordCallback } from './record-callback.ts';
import { Tenant } from '../contract/tenant.ts';
import { Release, type ReleaseInput, type ReleaseResult } from '../contract/release.ts';
import { recordDecision } from './record-decision.ts';
import type { Deps } from '../ports/deps.ts';
import { sharedHandlerOptions, workflowOptions } from '../durable/options.ts';
import { leaveToCompensation } from '../compensation/compensation.ts';
import { type PipelineResult, runPipeline } from './release-stages.ts';
import { undoAll } from './undo.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';

/** One release, from its admission to its last word. */
export function releaseWorkflow(deps: Deps) {
  return implement(Release, {
    description: 'One release, stage by stage. Key: tenant/bundle/vN.',
    handlers: {
      run: (ctx, input) => run(ctx, deps, input),
      recordDecision: (ctx, request) => recordDecision(ctx, deps, request),
      recordCallback: (ctx, request) => recordCallback(ctx, deps, request),
    },
    options: {
      ...workflowOptions,
      handlers: {
        // Only a tenant starts a release, having numbered it. Who waits for its end may still attach to it through the ingress.
        run: { ingressPrivate: true },
        recordDecision: sharedHandlerOptions,
        recordCallback: sharedHandlerOptions,
      },
    },
  });
}

/**
 * Takes a release through its stages and settles it with exactly one outcome.
 *
 * Dies inside: replayed from the last step. Cancelled: the way to the pointer stops at once, what was done is undone, and the outcome
 * is what the cancel was for; once the pointer has moved there is only forward, and a cancel comes too late. Killed: runs no code;
 * the sweep settles it. The record is closed before anything is undone, so that a step whose closure is still running somewhere
 * cannot act after its own undo.
 */
async function run(ctx: WorkflowContext, deps: Deps, input: ReleaseInput): Promise<ReleaseResult> {
  const id = parseReleaseKey(ctx.key);
  if (!id) throw new TerminalError(`"${ctx.key}" is not the key of a release`, { errorCode: 400 });
  const arrival = await runPipeline(ctx, deps, id, input);
  const verdict = arrival.kind === 'live' ? null : await close(ctx, deps, id, arrival);
  if (verdict?.kind === 'settled') return finish(ctx, id, input, verdict);
  if (verdict?.kind !== 'closing') {
    await announce(ctx, deps, id);
    return finish(ctx, id, input, await settle(ctx, deps, id));
  }
  const failed = await undoAll(ctx, deps, id, verdict.effects, stepRetries.undo);
  const settled = finish(ctx, id, input, await settle(ctx, deps, id));
  leaveToCompensation(ctx, id, failed);
  return settled;
}

function close(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  stopped: Exclude<PipelineResult, { kind: 'live' }>,
) {
  const { outcome, yieldsToIntent, reason, stage } = stopped;
  return ignoringCancellation(() =>
    ctx.run(
      'close release',
      () => deps.settlements.close(id, { outcome, yieldsToIntent, reason, stage, at: deps.clock.now() }),
      stepRetries.insideRelease,
    ),
  );
}

function announce(ctx: WorkflowContext, deps: Deps, id: ReleaseId): Promise<void> {
  const invocationId = ctx.request().id;
  return ignoringCancellation(() =>
    ctx.run(
      'announce move',
      () => deps.moves.announce(id, { invocationId, startedAt: deps.clock.now() }),
      stepRetries.insideRelease,
    ),
  );
}

function settle(ctx: WorkflowContext, deps: Deps, id: ReleaseId) {
  return ignoringCancellation(() =>
    ctx.run('settle release', () => deps.settlements.settle(id, deps.clock.now()), stepRetries.insideRelease),
  );
}

/** Tells the tenant, one way, that the slot is free. */
function finish(
  ctx: WorkflowContext,
  id: ReleaseId,
  input: ReleaseInput,
  { outcome, reason }: ReleaseResult,
): ReleaseResult {
  ctx
    .sendClient(Tenant, id.tenant)
    .settled({ bundle: id.bundle, channel: input.channel, version: id.version });
  return { outcome, reason };
}
