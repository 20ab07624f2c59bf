import { implement, type ObjectContext, TerminalError } from '@restatedev/restate-sdk';

import { nextAttemptMs } from '../../core/backoff.ts';
import { digestOf } from '../../core/digest.ts';
import { type CalloutId, parseCalloutKey } from '../../core/callout.ts';
import { correlationId, releaseKey } from '../../core/identifiers.ts';
import { invocationLimits, stepRetries } from '../../core/limits/limits.ts';
import { calloutLimits } from '../../core/limits/callout-limits.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import type { RequestResult } from '../ports/callbacks.ts';
import { Release } from '../contract/release.ts';
import type { Deps } from '../ports/deps.ts';
import { type CheckCallout, type CompileCallout, Callout } from '../contract/callout.ts';
import { objectOptions } from '../durable/options.ts';

/** Asks other people's systems, so that no release waits for a slow one. */
export function calloutObject(deps: Deps) {
  return implement(Callout, {
    description:
      'Asks somebody else for a check or a compilation. Key: tenant/bundle/vN/check/gate or tenant/bundle/vN/compile/attempt.',
    handlers: {
      requestCheck: (ctx, callout) => requestCheck(ctx, deps, callout),
      requestCompile: (ctx, callout) => requestCompile(ctx, deps, callout),
    },
    options: {
      ...objectOptions,
      // Nobody stands behind it in the line, and whoever waits for the answer has a deadline of his own.
      retryPolicy: { ...invocationLimits.workflowRetries, onMaxAttempts: 'kill' },
      ingressPrivate: true,
    },
  });
}

/**
 * Asks for a check; where that fails for good, says "failure" at the gate, with the reason.
 *
 * Dies inside: replayed; a call whose answer was lost is made again, with the same Idempotency-Key and the same callback. Killed, or out
 * of retries: what was asked stays asked and its answer is heard, and what was not ends with the gate's deadline. Undone by the release,
 * not here: its close takes the callback back, and from then on nobody listens.
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
    detail: `asked of ${new URL(url).host}`,
    call: ({ digest, ...request }) => {
      if (digest === null) throw new TerminalError('a check is of an artifact, and there is none');
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
 * Asks for one attempt to compile, and wakes the release where no answer will come.
 *
 * Dies inside, killed: as above; the attempt ends with its deadline, and the release takes back the callback then.
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
    detail: `attempt ${attempt} of ${rule.attempts}, by ${whom(rule)}`,
    call: ({ capability, channel, idempotencyKey }) => {
      const call = { ...callout.id, capability, channel, deadlineMs, idempotencyKey };
      return deps.outboundCalls.requestCompile({ ...call, attempt, source, rule });
    },
  });
  if (delivered.kind !== 'asked') ctx.resolveAwakeable(awakeableId, null);
  return null;
}

/** Whom a rule asks, in words. Only the host of an address: the rest of it is a secret as often as not. */
export function whom(rule: RemoteCompileRule): string {
  return rule.executor === 'http' ? new URL(rule.url).host : `the queue "${rule.queue}" of ${rule.broker}`;
}

function calloutOf(key: string, purpose: CalloutId['purpose']): CalloutId {
  const callout = parseCalloutKey(key);
  if (callout?.purpose !== purpose)
    throw new TerminalError(`"${key}" is no callout of that kind`, { errorCode: 400 });
  return callout;
}

interface Delivery {
  readonly callout: CalloutId;
  readonly awakeableId: string | null;
  readonly deadlineMs: number;
  /** For the ledger. */
  readonly detail: string;
  readonly call: (opened: Opened) => Promise<RequestResult>;
}

interface Opened {
  readonly capability: string;
  readonly idempotencyKey: string;
  readonly channel: string;
  readonly digest: string | null;
}

/** `over`: nobody needs it any more, or it is answered already. */
type Delivered = { kind: 'asked' } | { kind: 'over' } | { kind: 'failed'; reason: string };

/** On record before anything leaves: a call whose process dies has its row in the ledger. */
async function deliver(
  ctx: ObjectContext,
  deps: Deps,
  { callout, awakeableId, deadlineMs, detail, call }: Delivery,
): Promise<Delivered> {
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
  const asked = await callUntilAccepted(ctx, deps, callout, deadlineMs, () =>
    call({ capability, idempotencyKey, channel, digest }),
  );
  if (asked.kind === 'asked') {
    await ctx.run(
      'note request',
      () => deps.callbacks.recordRequested(callout, asked.detail, deps.clock.now()),
      retries,
    );
    return { kind: 'asked' };
  }
  if (asked.kind === 'over') return asked;
  const { reason } = asked;
  const final = asked.kind === 'refused';
  const failed = await ctx.run(
    'give up',
    () => deps.callbacks.giveUp(callout, { reason, final, at: deps.clock.now() }),
    retries,
  );
  return failed ? { kind: 'failed', reason } : { kind: 'over' };
}

/** Calls until somebody takes the request or refuses it; so often, and never past the deadline. */
async function callUntilAccepted(
  ctx: ObjectContext,
  deps: Deps,
  callout: CalloutId,
  deadlineMs: number,
  call: () => Promise<RequestResult>,
): Promise<RequestResult | { kind: 'over' }> {
  for (let attempt = 1; ; attempt++) {
    const asked = await ctx.run('call', () => call(), stepRetries.whileSomebodyWaits);
    if (asked.kind !== 'later') return asked;
    const { retryAfterMs } = asked;
    const waitMs = nextAttemptMs(
      { attempt, random01: ctx.rand.random(), retryAfterMs },
      calloutLimits.retries,
    );
    if (waitMs === null || (await ctx.date.now()) + waitMs >= deadlineMs) return asked;
    await ctx.sleep(waitMs, `after call ${attempt}: ${asked.reason}`);
    const isOpen = await ctx.run(
      'look at callback',
      () => deps.callbacks.isOpen(callout),
      stepRetries.insideRelease,
    );
    if (!isOpen) return { kind: 'over' };
  }
}

/** The gate's word where nobody can say one, by a name that no token can have. */
function recordFailure(ctx: ObjectContext, { id, subject: gate }: CalloutId, reason: string): void {
  ctx.sendClient(Release, releaseKey(id)).recordDecision({
    kind: 'check',
    gate,
    word: 'failure',
    digest: null,
    comment: `it could not be asked: ${reason}`,
    url: null,
    by: 'pointsman/callout',
    roles: [],
    answersRequest: true,
    idempotencyKey: ctx.rand.uuidv4(),
    fingerprint: digestOf(reason),
    requestId: ctx.request().id,
  });
}
