import { CancelledError, implement, TerminalError, type WorkflowContext } from '@restatedev/restate-sdk';

import { nextAttemptMs } from '../../core/backoff.ts';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { digestOf } from '../../core/digest.ts';
import { type DeliveryName, hookAuthor, parseDeliveryKey } from '../../core/hook.ts';
import { hookDeliveryKey } from '../../core/idempotency-key.ts';
import { hookLimits, releaseLimits, stepRetries } from '../../core/limits/limits.ts';
import { describeExceeded } from '../../core/quota.ts';
import { unknownChannel } from '../../core/moves/unknown-channel.ts';
import { overtakenText } from '../../core/texts/hook-texts.ts';
import { type PublishResult, type PublishRequest, Tenant } from '../contract/tenant.ts';
import { isDefect } from '../durable/defects.ts';
import type { Deps } from '../ports/deps.ts';
import { HookDelivery, type HookDeliveryResult, CommitStatus } from '../contract/hooks.ts';
import type { Fetched, FetchedSource } from '../ports/hooks.ts';
import { workflowOptions } from '../durable/options.ts';
import { retriesExhausted, REFUSED } from '../durable/store-unavailable.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';

/** A push that a provider has delivered, from its arrival until it is a release or never will be one. */
export function hookDeliveryWorkflow(deps: Deps) {
  return implement(HookDelivery, {
    description: 'Fetches what was pushed, and publishes it. Key: tenant/hook/delivery.',
    handlers: { run: (ctx) => run(ctx, deps) },
    options: workflowOptions,
  });
}

/** How it ends without a release. */
interface Unpublished {
  readonly kind: 'refused' | 'failed';
  readonly reason: string;
}

/**
 * Fetches the source, stores it and publishes it under the delivery's own key, so that whatever is repeated it becomes one release.
 *
 * Dies inside: replayed from the last step; a fetch whose result was not written down is done again. Cancelled: the delivery ends as
 * refused, unless its release has been admitted meanwhile, which then goes on by itself. Killed: runs no code; the sweep ends the delivery.
 * Nothing needs an undo: a source that nobody publishes is content without a name.
 */
async function run(ctx: WorkflowContext, deps: Deps): Promise<HookDeliveryResult> {
  const name = parseDeliveryKey(ctx.key);
  if (!name) throw new TerminalError(`"${ctx.key}" is not the key of a delivery`, { errorCode: 400 });
  // The sweep would do it, within seconds: somebody looks at the commit now.
  ctx.sendClient(CommitStatus, ctx.key).report(null);
  const ended = await fetchAndPublish(ctx, deps, name);
  if ('state' in ended) return ended;
  const verdict = await end(ctx, deps, name, ended);
  ctx.sendClient(CommitStatus, ctx.key).report(null);
  return verdict;
}

async function fetchAndPublish(
  ctx: WorkflowContext,
  deps: Deps,
  name: DeliveryName,
): Promise<HookDeliveryResult | Unpublished> {
  try {
    for (let round = 0; round < hookLimits.storeRounds; round++) {
      const fetched = await fetchSource(ctx, deps, name);
      if (fetched.kind === 'ended') return fetched.verdict;
      if (fetched.kind !== 'fetched') return fetched;
      const done = await publish(ctx, name, fetched);
      if (done !== 'no_source') return done;
    }
    return { kind: 'failed', reason: 'its source was deleted before it could be published' };
  } catch (error) {
    if (error instanceof CancelledError) return { kind: 'refused', reason: 'cancelled through Restate' };
    if (isDefect(error)) ctx.console.error('a defect while a source was fetched:', error.stack);
    else if (!retriesExhausted(error)) throw error;
    return {
      kind: 'failed',
      reason: 'something broke while its source was fetched; the worker’s log says what',
    };
  }
}

/** Tries until it has the source, or there is no use in it. Between two tries nothing is held: the workflow is suspended. */
async function fetchSource(
  ctx: WorkflowContext,
  deps: Deps,
  name: DeliveryName,
): Promise<Exclude<Fetched, { kind: 'later' | 'busy' }> | Unpublished> {
  const untilMs = (await ctx.date.now()) + hookLimits.busyMs;
  for (let attempt = 1; ;) {
    const fetched = await ctx.run(
      'fetch source',
      () => deps.deliveries.fetch(name, deps.clock.now()),
      stepRetries.insideRelease,
    );
    if (fetched.kind === 'busy') {
      if ((await ctx.date.now()) >= untilMs)
        return { kind: 'failed', reason: 'the workers have too much to fetch' };
      await ctx.sleep(hookLimits.busyIntervalMs, 'others are being fetched');
    } else if (fetched.kind === 'later') {
      const { reason, retryAfterMs } = fetched;
      const waitMs = nextAttemptMs(
        { attempt, random01: ctx.rand.random(), retryAfterMs },
        hookLimits.fetchRetries,
      );
      if (waitMs === null) return { kind: 'failed', reason: `${reason}, ${attempt} times` };
      await ctx.sleep(waitMs, `after try ${attempt}: ${reason}`);
      attempt += 1;
    } else {
      return fetched;
    }
  }
}

/**
 * The tenant's object answers at once, or says that its store is away; then the wait is ours, since nobody stands behind us. After a wait the
 * source may be gone, because content that nothing names is deleted: `no_source`.
 */
async function publish(
  ctx: WorkflowContext,
  name: DeliveryName,
  fetched: FetchedSource,
): Promise<HookDeliveryResult | Unpublished | 'no_source'> {
  const request = publishRequest(name, fetched);
  const untilMs = (await ctx.date.now()) + releaseLimits.swapWaitMs;
  for (;;) {
    const answer = await askToPublish(ctx, name.tenant, request);
    if (answer?.kind === 'no_source') return 'no_source';
    if (answer !== null) return published(answer, request);
    if ((await ctx.date.now()) >= untilMs)
      return { kind: 'failed', reason: 'the store was down for longer than a push waits' };
    await ctx.sleep(releaseLimits.swapIntervalMs);
  }
}

function publishRequest(name: DeliveryName, fetched: FetchedSource): PublishRequest {
  const { source, bundle, channel, createChannel, onConflict, message, origin } = fetched;
  return {
    bundle,
    channel,
    createChannel,
    source,
    onConflict,
    message,
    ifGeneration: null,
    origin,
    by: hookAuthor(name.hook),
    idempotencyKey: hookDeliveryKey(name),
    fingerprint: digestOf(canonicalJson({ call: 'deliver', bundle, channel, source, commit: origin.commit })),
    requestId: name.delivery,
  };
}

/** Null when nothing is known: asked again, it finds its own release. */
async function askToPublish(
  ctx: WorkflowContext,
  tenant: string,
  request: PublishRequest,
): Promise<PublishResult | null> {
  try {
    return await ctx.client(Tenant, tenant).publish(request);
  } catch (error) {
    if (!retriesExhausted(error) || error.code === REFUSED) throw error;
    return null;
  }
}

function published(answer: PublishResult, request: PublishRequest): HookDeliveryResult | Unpublished {
  if (answer.kind === 'accepted') return { state: 'published', version: answer.version, reason: null };
  return { kind: 'refused', reason: whyRefused(answer, request) };
}

function whyRefused(answer: Exclude<PublishResult, { kind: 'accepted' }>, request: PublishRequest): string {
  switch (answer.kind) {
    case 'conflict':
      return `release v${answer.version} is on its way to this pointer`;
    case 'queue_full':
      return `there are ${answer.limit} releases in line for this pointer already`;
    case 'overtaken':
      return answer.version === null ? 'the delivery has ended already' : overtakenText(answer.version);
    case 'held':
      return `the pointer is held: ${answer.reason}`;
    case 'no_channel':
      return `${unknownChannel(request, answer.channels)} Set the hook with "createChannel" where its pushes are to create it.`;
    case 'too_many_channels':
      return `the bundle has its ${answer.limit} channels already`;
    case 'quota_exceeded':
      return describeExceeded(answer);
    case 'key_reused':
      return 'its key was used for another publish';
    default:
      return `it could not be published (${answer.kind})`;
  }
}

function end(
  ctx: WorkflowContext,
  deps: Deps,
  name: DeliveryName,
  { kind, reason }: Unpublished,
): Promise<HookDeliveryResult> {
  return ignoringCancellation(() =>
    ctx.run(
      'end delivery',
      () => deps.deliveries.end(name, kind, reason, deps.clock.now()),
      stepRetries.insideRelease,
    ),
  );
}
