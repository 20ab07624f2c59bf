import type { Logger } from 'pino';

import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import type { Outbound, OutboundResult } from '../outbound/contract.ts';
import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';
import type { Batch, Sent, Stopped } from '../sinks/target.ts';
import { signatureHeaders } from '@pointsman/protocol/webhooks/sign';

/** The URL and the secrets of a webhook. */
export interface WebhookEndpoint {
  readonly sink: string;
  readonly url: string;
  /** The signing secrets in plaintext, the newest first. Each request contains one signature for each secret. */
  readonly secrets: readonly string[];
  /** The time limit of one call in milliseconds. It must not exceed `sinkLimits.callMs`, which is the default. */
  readonly callMs?: number;
}

/** One delivery attempt, as it is shown to the tenant. */
export interface Attempt {
  /** The feed number of the move. It is null for a test event. */
  readonly seq: number | null;
  /** The ID of the event. */
  readonly event: string;
  readonly delivered: boolean;
  /** The HTTP status of the response. It is null if there was no response. */
  readonly status: number | null;
  readonly summary: string;
  readonly tookMs: number;
}

export interface WebhookDelivery {
  /**
   * Posts the events one after the other, and stops at the first failure. The promise always resolves, within
   * `sinkLimits.batchMs`. If the time expires before all events are sent, `count` is lower than the number of events,
   * and `stopped` is null.
   */
  send(
    batch: Pick<Batch, 'tenant' | 'events'>,
    endpoint: WebhookEndpoint,
  ): Promise<Sent & { readonly attempts: readonly Attempt[] }>;
}

export interface WebhookDeliveryOptions {
  readonly outbound: Outbound;
  readonly log: Logger;
  /** The wall clock in epoch milliseconds, for the timestamps in the signatures. */
  readonly nowMs?: () => number;
  /** The monotonic clock in milliseconds, for the duration of a batch. */
  readonly monotonicMs?: () => number;
}

export function webhookDelivery({
  outbound,
  log,
  nowMs = Date.now,
  monotonicMs = () => performance.now(),
}: WebhookDeliveryOptions): WebhookDelivery {
  const post = async (tenant: string, event: SinkEvent, endpoint: WebhookEndpoint) => {
    const { sink, url, secrets, callMs = sinkLimits.callMs } = endpoint;
    const body = JSON.stringify(event);
    const message = { id: event.id, timestamp: Math.floor(nowMs() / 1_000), body };
    const answer = await outbound.call({
      url,
      method: 'POST',
      headers: { 'content-type': CLOUD_EVENT, ...signatureHeaders(message, secrets) },
      body,
      idempotencyKey: event.id,
      correlationId: 'correlationId' in event.data ? event.data.correlationId : `${tenant}:${sink}`,
      timeoutMs: callMs,
      maxBytes: sinkLimits.answerBytes,
      maxRedirects: sinkLimits.redirects,
    });
    return resultOf(answer);
  };

  return {
    async send({ tenant, events }, endpoint) {
      const startMs = monotonicMs();
      const attempts: Attempt[] = [];
      let stopped: Stopped | null = null;
      for (const event of events) {
        const startedMs = monotonicMs();
        // A call is started only if the remaining time of the batch covers its whole time limit. Otherwise the end of
        // the batch could make the call fail. For the first call, this is always true.
        if (startedMs - startMs > sinkLimits.batchMs - sinkLimits.callMs) break;
        const result = await post(tenant, event, endpoint);
        stopped = result.stopped;
        const { status, summary } = result;
        const seq = 'seq' in event.data ? event.data.seq : null;
        const tookMs = Math.round(monotonicMs() - startedMs);
        attempts.push({ seq, event: event.id, delivered: stopped === null, status, summary, tookMs });
        if (stopped !== null) break;
      }
      const count = attempts.filter(({ delivered }) => delivered).length;
      if (stopped !== null) {
        log.info(
          { tenant, sink: endpoint.sink, event: attempts.at(-1)?.event, ...stopped },
          'webhook not delivered',
        );
      }
      // A webhook has no position. The endpoint recognizes repeated events by their IDs.
      return { count, position: null, stopped, attempts };
    },
  };
}

/** The content type of a CloudEvent in the structured mode over HTTP (HTTP protocol binding 1.0.2, section 3.2). */
const CLOUD_EVENT = 'application/cloudevents+json; charset=utf-8';

interface DeliveryResult {
  readonly status: number | null;
  readonly summary: string;
  readonly stopped: Stopped | null;
}

/**
 * Converts the result of a call to the result of a delivery.
 *
 * A 2xx response means that the event was delivered. 410 means that the endpoint no longer accepts events. Every
 * other failure counts as temporary. For example, the endpoint may be repaired, its certificate renewed, or its
 * address allowed. The caller decides how long to retry.
 *
 * A 2xx response counts even if its body is too large or has an unsupported encoding. The status shows that the
 * endpoint has received the event, and the body is not needed. A retry would only repeat the event and delay later
 * events.
 *
 * However, if the body does not end within the time limit, the event does not count as delivered.
 */
function resultOf(answer: OutboundResult): DeliveryResult {
  switch (answer.kind) {
    case 'answered':
      return { status: answer.status, summary: `answered ${answer.status}`, stopped: null };
    case 'refused': {
      const { status, summary } = answer;
      if (status !== null && status >= 200 && status <= 299) {
        return { status, summary: `answered ${status}, with a body that was not read`, stopped: null };
      }
      return {
        status,
        summary,
        stopped: status === GONE ? { kind: 'gone', reason: summary } : later(summary),
      };
    }
    case 'forbidden':
      return { status: null, summary: answer.summary, stopped: later(answer.summary) };
    case 'later': {
      const { status, summary, retryAfterMs } = answer;
      return { status, summary, stopped: { kind: 'later', reason: summary, retryAfterMs } };
    }
  }
}

const GONE = 410;

function later(reason: string): Stopped {
  return { kind: 'later', reason, retryAfterMs: null };
}
