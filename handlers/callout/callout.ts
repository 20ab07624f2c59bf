import { implement, type ObjectContext, TerminalError } from '@restatedev/restate-sdk';

import { nextAttemptMs } from '@pointsman/protocol/calls/backoff';
import { digestOf } from '@pointsman/protocol/digest';
import { type CalloutId, parseCalloutKey } from '../../core/callout.ts';
import { correlationId, releaseKey } from '@pointsman/protocol/identifiers';
import { stepRetries, invocationLimits } from '../../core/limits/limits.ts';
import { calloutLimits } from '../../core/limits/callout-limits.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import type { RequestResult } from '../ports/callbacks.ts';
import { Release } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { type CheckCallout, type CompileCallout, Callout } from '../contract/callout.ts';
import { objectOptions } from '../durable/options.ts';

/**
 * Sends requests to external systems on behalf of a release. A separate object sends them, so that a slow
 * HTTP request does not block the release's workflow.
 */
export function calloutObject(deps: Deps) {
  return implement(Callout, {
    description:
      'Requests a check or a compilation from an external system. Key: tenant/bundle/vN/check/gate or tenant/bundle/vN/compile/attempt.',
    handlers: {
      requestCheck: (ctx, callout) => requestCheck(ctx, deps, callout),
      requestCompile: (ctx, callout) => requestCompile(ctx, deps, callout),
    },
    options: {
      ...objectOptions,
      // Restate kills the invocation when its retries are exhausted. That is safe: no other call waits for
      // this key, and the release stops waiting at its own deadline.
      retryPolicy: { ...invocationLimits.workflowRetries, onMaxAttempts: 'kill' },
      ingressPrivate: true,
    },
  });
}

/**
 * Requests a check. If the request fails permanently, records the decision "failure" on the check's gate,
 * with the reason.
 *
 * If the worker dies, Restate replays the handler. A call whose response was lost is repeated with the same
 * Idempotency-Key and the same callback address. If the invocation is killed or out of retries after the
 * request was sent, the callback address still accepts the report. If it ends before the request was sent,
 * the gate expires at its deadline. This handler compensates nothing: when the release is closed, its
 * callback addresses are revoked and reject every report.
 */
async function requestCheck(
  ctx: ObjectContext,
  deps: Deps,
  { url, deadlineMs }: CheckCallout,
): Promise<null> {
  const callout = calloutOf(ctx.key, 'check');
  const delivered = await deliver(ctx, deps, {
    callout,
    deadlineMs,
    awakeableId: null,
    detail: `requested from ${new URL(url).host}`,
    call: ({ digest, ...request }) => {
      if (digest === null)
        throw new TerminalError('a check needs an artifact, and this release has no artifact');
      return deps.outboundCalls.requestCheck({
        ...callout.id,
        ...request,
        deadlineMs,
        digest,
        url,
        check: callout.subject,
      });
    },
  });
  if (delivered.kind === 'failed') recordFailure(ctx, callout, delivered.reason);
  return null;
}

/**
 * Sends the request for one compile attempt. If the compiler will send no report, resolves the awakeable, so
 * that the release does not wait until the deadline.
 *
 * If the worker dies or the invocation is killed, the consequences are the same as for {@link requestCheck}.
 * The attempt ends at its deadline, and then its callback address is revoked.
 */
async function requestCompile(
  ctx: ObjectContext,
  deps: Deps,
  { rule, source, deadlineMs, awakeableId }: CompileCallout,
): Promise<null> {
  const callout = calloutOf(ctx.key, 'compile');
  const attempt = Number(callout.subject);
  const delivered = await deliver(ctx, deps, {
    callout,
    deadlineMs,
    awakeableId,
    detail: `attempt ${attempt} of ${rule.attempts}, by ${executorLabel(rule)}`,
    call: ({ capability, channel, idempotencyKey }) => {
      const call = { ...callout.id, capability, channel, deadlineMs, idempotencyKey };
      return deps.outboundCalls.requestCompile({ ...call, attempt, source, rule });
    },
  });
  if (delivered.kind !== 'asked') ctx.resolveAwakeable(awakeableId, null);
  return null;
}

/**
 * Returns the name of the external compiler that is shown to users. A URL is reduced to its host, because its
 * path and its query often contain a secret.
 */
export function executorLabel(rule: RemoteCompileRule): string {
  return rule.executor === 'http' ? new URL(rule.url).host : `the queue "${rule.queue}" of ${rule.broker}`;
}

function calloutOf(key: string, purpose: CalloutId['purpose']): CalloutId {
  const callout = parseCalloutKey(key);
  if (callout?.purpose !== purpose)
    throw new TerminalError(`"${key}" is not the key of a ${purpose} callout`, { errorCode: 400 });
  return callout;
}

interface CalloutCall {
  readonly callout: CalloutId;
  readonly awakeableId: string | null;
  readonly deadlineMs: number;
  /** Describes the request in the effect ledger, for example `requested from ci.example.com`. */
  readonly detail: string;
  readonly call: (opened: Opened) => Promise<RequestResult>;
}

interface Opened {
  readonly capability: string;
  readonly idempotencyKey: string;
  readonly channel: string;
  readonly digest: string | null;
}

/**
 * `asked`: the external system has accepted the request. `over`: no request is needed, because the report has
 * already arrived or the release no longer waits for it. `failed`: the request failed permanently.
 */
type CalloutResult = { kind: 'asked' } | { kind: 'over' } | { kind: 'failed'; reason: string };

/**
 * Opens the callback address and sends the request. The ledger entry is written before the call, so that the
 * ledger shows the request even if the process dies during the call.
 */
async function deliver(
  ctx: ObjectContext,
  deps: Deps,
  { callout, awakeableId, deadlineMs, detail, call }: CalloutCall,
): Promise<CalloutResult> {
  const retries = stepRetries.insideRelease;
  const capability = await ctx.run('make capability', () => deps.outboundCalls.makeCapability(), retries);
  const callback = { ...callout, capability, awakeableId, deadlineMs, detail };
  const opened = await ctx.run(
    'open callback',
    () => deps.callbacks.open({ ...callback, at: deps.clock.now() }),
    retries,
  );
  if (opened.kind !== 'open') return { kind: opened.kind };
  const { channel, digest } = opened;
  const idempotencyKey = `${correlationId(callout.id)}:${callout.purpose}:${callout.subject}`;
  const requested = await callUntilAccepted(ctx, deps, callout, deadlineMs, () =>
    call({ capability, idempotencyKey, channel, digest }),
  );
  if (requested.kind === 'asked') {
    await ctx.run(
      'record request',
      () => deps.callbacks.recordRequested(callout, requested.detail, deps.clock.now()),
      retries,
    );
    return { kind: 'asked' };
  }
  if (requested.kind === 'over') return requested;
  const { reason } = requested;
  const final = requested.kind === 'refused';
  const failed = await ctx.run(
    'give up',
    () => deps.callbacks.giveUp(callout, { reason, final, at: deps.clock.now() }),
    retries,
  );
  return failed ? { kind: 'failed', reason } : { kind: 'over' };
}

/**
 * Repeats the call until one of these happens: the external system accepts or rejects it, the retries are
 * exhausted, the deadline is too close for another attempt, or the callback address is closed.
 */
async function callUntilAccepted(
  ctx: ObjectContext,
  deps: Deps,
  callout: CalloutId,
  deadlineMs: number,
  call: () => Promise<RequestResult>,
): Promise<RequestResult | { kind: 'over' }> {
  for (let attempt = 1; ; attempt++) {
    const requested = await ctx.run('call', () => call(), stepRetries.whileSomebodyWaits);
    if (requested.kind !== 'later') return requested;
    const { retryAfterMs } = requested;
    const waitMs = nextAttemptMs(
      { attempt, random01: ctx.rand.random(), retryAfterMs },
      calloutLimits.retries,
    );
    if (waitMs === null || (await ctx.date.now()) + waitMs >= deadlineMs) return requested;
    await ctx.sleep(waitMs, `after call ${attempt}: ${requested.reason}`);
    const isOpen = await ctx.run(
      'check callback',
      () => deps.callbacks.isOpen(callout),
      stepRetries.insideRelease,
    );
    if (!isOpen) return { kind: 'over' };
  }
}

/**
 * Records the decision "failure" on the gate, because the request to the external system failed. The author
 * is `pointsman/callout`, which can't be the name of a token.
 */
function recordFailure(ctx: ObjectContext, { id, subject: gate }: CalloutId, reason: string): void {
  ctx.sendClient(Release, releaseKey(id)).recordDecision({
    kind: 'check',
    gate,
    decision: 'failure',
    digest: null,
    comment: `request failed: ${reason}`,
    url: null,
    by: 'pointsman/callout',
    roles: [],
    fromCallout: true,
    idempotencyKey: ctx.rand.uuidv4(),
    fingerprint: digestOf(reason),
    requestId: ctx.request().id,
  });
}
