import { randomBytes } from 'node:crypto';

import { type CeleryGrant, celeryRefusal } from '../../../core/celery-grant.ts';
import { CHECK_CONTRACT, type CheckRequest } from '@pointsman/protocol/callouts/check-request';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { COMPILE_CONTRACT, type CompileJob } from '@pointsman/protocol/callouts/compile-job';
import { correlationId } from '@pointsman/protocol/identifiers';
import { calloutLimits } from '../../../core/limits/callout-limits.ts';
import type {
  RequestResult,
  CheckCall,
  CompileCall,
  OutboundCalls,
} from '../../../handlers/ports/callbacks.ts';
import type { CeleryQueue } from '../../celery/celery-queue.ts';
import type { Outbound } from '../../outbound/contract.ts';

export interface OutboundCallDeps {
  readonly outbound: Outbound;
  /** The Celery queues by the name of their broker. A broker is missing if this worker is not configured with it. */
  readonly celery: Readonly<Partial<Record<'rabbitmq' | 'redis', CeleryQueue>>>;
  /** The Celery tasks and queues that the operator permits. */
  readonly celeryGrants: readonly CeleryGrant[];
  /** The public URL of the API, with which callback URLs begin. */
  readonly publicUrl: string;
}

/**
 * Sends requests to external checks and compilers, over HTTP or through a Celery queue. Each call makes one attempt.
 */
export function outboundCalls({
  outbound,
  celery,
  celeryGrants,
  publicUrl,
}: OutboundCallDeps): OutboundCalls {
  const addressOf = (capability: string) => `${publicUrl}${pathOf(paths.callback, { capability })}`;
  return {
    // The capability is a secret with the same entropy as a token. Secret scanners recognize it by its prefix if it
    // occurs in logs or repositories.
    makeCapability: () => `pmc_${randomBytes(32).toString('base64url')}`,
    requestCheck: (call) => post(outbound, call, call.url, checkRequest(call, addressOf(call.capability))),
    requestCompile(call) {
      const job = compileJob(call, addressOf(call.capability));
      const { rule } = call;
      if (rule.executor === 'http') return post(outbound, call, rule.url, job);
      // The operator may have removed the task from the list after the policy was stored, so the list is checked
      // again.
      const reason = celeryRefusal(celeryGrants, call.tenant, rule);
      if (reason !== null) return Promise.resolve({ kind: 'refused', reason });
      return enqueue(celery[rule.broker], call, rule, job);
    },
  };
}

function checkRequest(call: CheckCall, address: string): CheckRequest {
  const { tenant, bundle, version, channel, check, digest, deadlineMs } = call;
  return {
    contract: CHECK_CONTRACT,
    correlationId: correlationId(call),
    tenant,
    bundle,
    version,
    channel,
    check,
    digest,
    deadline: new Date(deadlineMs).toISOString(),
    callback: { url: address },
  };
}

function compileJob(call: CompileCall, address: string): CompileJob {
  const { tenant, bundle, version, channel, attempt, source, deadlineMs } = call;
  return {
    contract: COMPILE_CONTRACT,
    correlationId: correlationId(call),
    tenant,
    bundle,
    version,
    channel,
    attempt,
    deadline: new Date(deadlineMs).toISOString(),
    source: { url: `${address}/source`, digest: source },
    upload: { url: `${address}/blobs` },
    callback: { url: address },
  };
}

async function post(
  outbound: Outbound,
  call: CheckCall | CompileCall,
  url: string,
  body: CheckRequest | CompileJob,
): Promise<RequestResult> {
  const result = await outbound.call({
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    idempotencyKey: call.idempotencyKey,
    correlationId: correlationId(call),
    timeoutMs: calloutLimits.callMs,
    maxBytes: calloutLimits.answerBytes,
    maxRedirects: calloutLimits.redirects,
  });
  switch (result.kind) {
    case 'answered':
      return { kind: 'asked', detail: `${new URL(url).host} accepted it (${result.status})` };
    case 'later':
      return { kind: 'later', reason: result.summary, retryAfterMs: result.retryAfterMs };
    case 'refused':
    case 'forbidden':
      return { kind: 'refused', reason: result.summary };
  }
}

type CeleryRule = Extract<CompileCall['rule'], { executor: 'celery' }>;

async function enqueue(
  queue: CeleryQueue | undefined,
  call: CompileCall,
  rule: CeleryRule,
  job: CompileJob,
): Promise<RequestResult> {
  if (!queue) {
    return {
      kind: 'refused',
      reason: `the policy names the broker "${rule.broker}", which this worker is not configured with`,
    };
  }
  const result = await queue.enqueue({
    id: call.idempotencyKey,
    task: rule.task,
    queue: rule.queue,
    kwargs: job,
    expiresAt: call.deadlineMs,
    correlationId: correlationId(call),
  });
  if (result.kind === 'queued')
    return { kind: 'asked', detail: `it is in the queue "${rule.queue}" of ${rule.broker}` };
  return result.kind === 'later'
    ? { kind: 'later', reason: result.summary, retryAfterMs: null }
    : { kind: 'refused', reason: result.summary };
}
