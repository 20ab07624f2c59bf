import { CancelledError, implement, TerminalError, type WorkflowContext } from '@restatedev/restate-sdk';

import { nextAttemptMs } from '@pointsman/protocol/calls/backoff';
import { canonicalJson } from '@pointsman/protocol/json/canonical-json';
import { digestOf } from '@pointsman/protocol/digest';
import { type DeliveryName, hookAuthor, parseDeliveryKey } from '@pointsman/protocol/hook';
import { hookDeliveryKey } from '@pointsman/protocol/idempotency-key';
import { stepRetries, releaseLimits, hookLimits } from '../../core/limits/limits.ts';
import { describeExceeded } from '@pointsman/protocol/quota';
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

/**
 * Processes one push from a Git provider: fetches its source and publishes it, or ends the delivery with a
 * reason.
 */
export function hookDeliveryWorkflow(deps: Deps) {
  return implement(HookDelivery, {
    description: 'Fetches the pushed source and publishes it. Key: tenant/hook/delivery.',
    handlers: { run: (ctx) => run(ctx, deps) },
    options: workflowOptions,
  });
}

/** The result of a delivery that created no release. */
interface Unpublished {
  readonly kind: 'refused' | 'failed';
  readonly reason: string;
}

/**
 * Fetches the source, stores it, and publishes it. The idempotency key of the publish is derived from the
 * delivery, so that a repeated delivery creates only one release.
 *
 * If the worker dies, Restate replays the handler from the last step, and repeats a fetch whose result was
 * not journaled. If the invocation is cancelled, the delivery ends as refused; a release that was already
 * admitted continues. If it is killed, none of this code runs again, and the worker's periodic sweep ends the
 * delivery. Nothing must be undone: a source that no release uses is deleted after its retention time.
 */
async function run(ctx: WorkflowContext, deps: Deps): Promise<HookDeliveryResult> {
  const name = parseDeliveryKey(ctx.key);
  if (!name) throw new TerminalError(`"${ctx.key}" is not the key of a delivery`, { errorCode: 400 });
  // Updates the commit status immediately. The periodic sweep would start the same call, but only some
  // seconds later.
  ctx.sendClient(CommitStatus, ctx.key).report(null);
  const ended = await fetchAndPublish(ctx, deps, name);
  if ('state' in ended) return ended;
  const result = await endWithoutRelease(ctx, deps, name, ended);
  ctx.sendClient(CommitStatus, ctx.key).report(null);
  return result;
}

async function fetchAndPublish(
  ctx: WorkflowContext,
  deps: Deps,
  name: DeliveryName,
): Promise<HookDeliveryResult | Unpublished> {
  try {
    for (let round = 0; round < hookLimits.storeRounds; round++) {
      const fetched = await fetchSource(ctx, deps, name);
      if (fetched.kind === 'ended') return fetched.result;
      if (fetched.kind !== 'fetched') return fetched;
      const done = await publish(ctx, name, fetched);
      if (done !== 'no_source') return done;
    }
    return { kind: 'failed', reason: 'the source was deleted before it could be published' };
  } catch (error) {
    if (error instanceof CancelledError) return { kind: 'refused', reason: 'cancelled through Restate' };
    if (isDefect(error)) ctx.console.error('a defect while a source was fetched:', error.stack);
    else if (!retriesExhausted(error)) throw error;
    return {
      kind: 'failed',
      reason: 'fetching the source failed unexpectedly; see the worker’s log',
    };
  }
}

/**
 * Retries until the source is fetched, the retries are exhausted, or another attempt would fail in the same
 * way. Between attempts the workflow is suspended, and it blocks no other call.
 */
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
        return { kind: 'failed', reason: 'the workers are fetching too many sources at the same time' };
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
 * Publishes the source. If the tenant's object reports that the database is unavailable, this workflow waits
 * and tries again. It may wait, because no other call waits for its key. During the wait, the source may be
 * deleted as unused. The publish then returns `no_source`, and the caller fetches the source again.
 */
async function publish(
  ctx: WorkflowContext,
  name: DeliveryName,
  fetched: FetchedSource,
): Promise<HookDeliveryResult | Unpublished | 'no_source'> {
  const request = publishRequest(name, fetched);
  const untilMs = (await ctx.date.now()) + releaseLimits.swapWaitMs;
  for (;;) {
    const result = await requestPublish(ctx, name.tenant, request);
    if (result?.kind === 'no_source') return 'no_source';
    if (result !== null) return published(result, request);
    if ((await ctx.date.now()) >= untilMs)
      return { kind: 'failed', reason: 'the store was unavailable for longer than a push waits' };
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

/**
 * Sends one publish request. Returns null if it is unknown whether the release was admitted. The request can
 * be repeated, because it has an idempotency key: a repetition returns the same release.
 */
async function requestPublish(
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

function published(result: PublishResult, request: PublishRequest): HookDeliveryResult | Unpublished {
  if (result.kind === 'accepted') return { state: 'published', version: result.version, reason: null };
  return { kind: 'refused', reason: whyRefused(result, request) };
}

function whyRefused(result: Exclude<PublishResult, { kind: 'accepted' }>, request: PublishRequest): string {
  switch (result.kind) {
    case 'conflict':
      return `release v${result.version} is in progress for this pointer`;
    case 'queue_full':
      return `the queue of this pointer is full (${result.limit} releases)`;
    case 'overtaken':
      return result.version === null ? 'the delivery has already ended' : overtakenText(result.version);
    case 'held':
      return `the pointer is held: ${result.reason}`;
    case 'no_channel':
      return `${unknownChannel(request, result.channels)} Set "createChannel" on the hook if its pushes should create the channel.`;
    case 'too_many_channels':
      return `the bundle already has ${result.limit} channels, the limit`;
    case 'quota_exceeded':
      return describeExceeded(result);
    case 'key_reused':
      return 'its idempotency key was used for another publish';
    default:
      return `it could not be published (${result.kind})`;
  }
}

function endWithoutRelease(
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
