import type { Logger } from 'pino';

import { sinkLimits } from '../../core/limits/distribution-limits.ts';
import type { Outbound, OutboundAnswer } from '../outbound/contract.ts';
import type { Batch, Sent, SinkEvent, Stopped } from '../sinks/target.ts';
import { signatureHeaders } from './sign.ts';

/** Somebody's endpoint. */
export interface WebhookEndpoint {
  readonly sink: string;
  readonly url: string;
  /** In plain, the newest first: each signs. */
  readonly secrets: readonly string[];
  /** How long one call may take, in milliseconds, at most `sinkLimits.callMs`, which it is if left out. */
  readonly callMs?: number;
}

/** One try, as its tenant may see it. */
export interface Attempt {
  /** Null: a test. */
  readonly seq: number | null;
  /** The event's id. */
  readonly event: string;
  readonly delivered: boolean;
  /** Null where there was no answer. */
  readonly status: number | null;
  readonly summary: string;
  readonly tookMs: number;
}

export interface WebhookDelivery {
  /**
   * Posts one event after the other, and stops at the first that is not taken. Ends within `sinkLimits.batchMs`: where that is over with
   * all well so far, `count` is less than there were and nothing has stopped it. Never rejects for anything that the endpoint does.
   */
  send(
    batch: Pick<Batch, 'tenant' | 'events'>,
    endpoint: WebhookEndpoint,
  ): Promise<Sent & { readonly attempts: readonly Attempt[] }>;
}

export interface WebhookDeliveryOptions {
  readonly outbound: Outbound;
  readonly log: Logger;
  /** What each try is dated by. */
  readonly nowMs?: () => number;
  /** How long a batch has taken. */
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
    return verdictOf(answer);
  };

  return {
    async send({ tenant, events }, endpoint) {
      const beganMs = monotonicMs();
      const attempts: Attempt[] = [];
      let stopped: Stopped | null = null;
      for (const event of events) {
        const startedMs = monotonicMs();
        // A call that could not have its whole time would fail for want of ours. The first one always has it.
        if (startedMs - beganMs > sinkLimits.batchMs - sinkLimits.callMs) break;
        const verdict = await post(tenant, event, endpoint);
        stopped = verdict.stopped;
        const { status, summary } = verdict;
        const seq = 'seq' in event.data ? event.data.seq : null;
        const tookMs = Math.round(monotonicMs() - startedMs);
        attempts.push({ seq, event: event.id, delivered: stopped === null, status, summary, tookMs });
        if (stopped !== null) break;
      }
      const count = attempts.filter(({ delivered }) => delivered).length;
      if (stopped !== null) {
        log.info(
          { tenant, sink: endpoint.sink, event: attempts.at(-1)?.event, ...stopped },
          'webhook not taken',
        );
      }
      // An endpoint has no position: what it has taken it knows by the ids.
      return { count, position: null, stopped, attempts };
    },
  };
}

/** The structured mode of CloudEvents over HTTP (HTTP protocol binding 1.0.2, section 3.2). */
const CLOUD_EVENT = 'application/cloudevents+json; charset=utf-8';

interface Verdict {
  readonly status: number | null;
  readonly summary: string;
  readonly stopped: Stopped | null;
}

/**
 * A 2xx is taken, and 410 says that there shall be no more. Whatever else it is, it may pass: an endpoint is repaired, a certificate renewed,
 * an address allowed. How long that is believed is for whoever keeps the cursor.
 *
 * A 2xx counts even when the answer's body is too large, or is encoded in a way that nobody asked for. The status is the word of the
 * endpoint that it has the event; the body says nothing to anybody, and is cut off at its bound. Tried again, the same event would be
 * taken again and again, with all later ones waiting behind it. A body that does not come to its end is another matter: an
 * endpoint that keeps its caller for the whole time of a call has not answered.
 */
function verdictOf(answer: OutboundAnswer): Verdict {
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
