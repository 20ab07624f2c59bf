import { implement, TerminalError, type WorkflowContext } from '@restatedev/restate-sdk';

import { parseReleaseKey, type ReleaseId } from '@pointsman/protocol/identifiers';
import { stepRetries } from '../../core/limits/limits.ts';
import { recordCallback } from './record-callback.ts';
import { Tenant } from '../contract/tenant.ts';
import { Release, type ReleaseInput, type ReleaseResult } from '../contract/release.ts';
import { recordDecision } from './record-decision.ts';
import type { Deps } from '../ports/deps.ts';
import { sharedHandlerOptions, workflowOptions } from '../durable/options.ts';
import { sendToCompensation } from '../compensation/compensation.ts';
import { type PipelineResult, runPipeline } from './release-stages.ts';
import { undoAll } from './undo.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';

/** Creates the workflow that runs one release, from its admission to its settlement. */
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
        // Only the tenant's object may start a release, because that object assigns the version number first.
        // Clients can still attach to the workflow through the ingress, to wait for its end.
        run: { ingressPrivate: true },
        recordDecision: sharedHandlerOptions,
        recordCallback: sharedHandlerOptions,
      },
    },
  });
}

/**
 * Runs a release through its stages and settles it with exactly one outcome. The swap settles a release whose
 * pointer moves. All other releases are settled here, after their effects were undone.
 *
 * If the worker dies, Restate replays the workflow from the last step. If the release is cancelled, the
 * stages stop immediately, and the release undoes its effects. Its outcome is `superseded` or `cancelled`,
 * depending on the recorded reason. Once the pointer has moved, a cancellation has no effect. If the workflow
 * is killed, none of this code runs again, and the worker's periodic sweep settles the release.
 *
 * The release is closed in the database before any undo. A step whose closure still runs on another worker
 * can therefore cause no effect after its undo.
 */
async function run(ctx: WorkflowContext, deps: Deps, input: ReleaseInput): Promise<ReleaseResult> {
  const id = parseReleaseKey(ctx.key);
  if (!id) throw new TerminalError(`"${ctx.key}" is not the key of a release`, { errorCode: 400 });
  const pipeline = await runPipeline(ctx, deps, id, input);
  if (pipeline.kind === 'settled') return pipeline.result;
  const closing = await close(ctx, deps, id, pipeline);
  if (closing.kind === 'settled') return finish(ctx, id, input, closing);
  const failed = await undoAll(ctx, deps, id, closing.effects, stepRetries.undo);
  const settled = finish(ctx, id, input, await settle(ctx, deps, id));
  sendToCompensation(ctx, id, failed);
  return settled;
}

function close(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  stopped: Extract<PipelineResult, { kind: 'stopped' }>,
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

function settle(ctx: WorkflowContext, deps: Deps, id: ReleaseId) {
  return ignoringCancellation(() =>
    ctx.run('settle release', () => deps.settlements.settle(id, deps.clock.now()), stepRetries.insideRelease),
  );
}

/** Notifies the tenant's object, without waiting, that the release has settled and its slot is free. */
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
