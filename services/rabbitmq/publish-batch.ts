import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';
import type { Batch } from '../sinks/target.ts';
import type { Published } from './confirms.ts';
import { publishLimits } from './limits.ts';
import { eventRoutingKey, moveMessage } from './move-message.ts';
import type { RabbitSession } from './session.ts';

export interface PublishedBatch {
  /** The number of events that were delivered without a gap, counted from the start of the batch. */
  readonly count: number;
  /** The number of these events that matched no queue, in cases where a queue is optional. */
  readonly unroutable: number;
  /** The reason why the next event was not delivered; null if all were. */
  readonly stopped: PublishFailure | null;
}

interface PublishFailure {
  /** The reason that is shown to the tenant. */
  readonly reason: string;
  /** The cause that is logged for the operator. */
  readonly cause: string;
  /** Whether only this event is undeliverable, while the broker itself seems healthy. */
  readonly ofEvent: boolean;
  /** Whether the broker has responded for this event. */
  readonly answered: boolean;
}

export interface BatchRules {
  /** Whether the broker returns unroutable messages. */
  readonly mandatory: boolean;
  /** The reason why it is unknown whether a queue is bound. Null if it is known, or if no queue is required. */
  readonly unprovable: string | null;
}

type PublishResult = 'arrived' | 'unroutable' | PublishFailure;

/**
 * Publishes events in order without waiting for each confirm. Up to {@link publishLimits.inFlight} messages may be in
 * flight. After the first failure no further event is published, but events in flight at that moment may still arrive.
 * A consumer can therefore receive an event after the failed one, and detects the gap. Waiting for each confirm would
 * avoid that, but takes twenty times as long.
 */
export async function publishBatch(
  session: Pick<RabbitSession, 'publish'>,
  { events, mustBeDelivered }: Pick<Batch, 'events' | 'mustBeDelivered'>,
  { mandatory, unprovable }: BatchRules,
): Promise<PublishedBatch> {
  const soFar = { failed: false };
  const publish = async (event: SinkEvent): Promise<PublishResult> => {
    const must = mustBeDelivered(event);
    const result =
      must && unprovable !== null
        ? { reason: unprovable, cause: 'declared in another way', ofEvent: true, answered: false }
        : resultOf(event, await session.publish(moveMessage(event, mandatory)), must);
    if (typeof result !== 'string') soFar.failed = true;
    return result;
  };
  const results: Promise<PublishResult>[] = [];
  for (const [nth, event] of events.entries()) {
    if (nth >= publishLimits.inFlight) await results[nth - publishLimits.inFlight];
    if (soFar.failed) break;
    results.push(publish(event));
  }
  return summarize(await Promise.all(results));
}

function resultOf(event: SinkEvent, published: Published, must: boolean): PublishResult {
  switch (published.kind) {
    case 'confirmed':
      return 'arrived';
    case 'unroutable':
      if (!must) return 'unroutable';
      return {
        reason: `no queue is bound for ${eventRoutingKey(event)}`,
        cause: 'returned',
        ofEvent: true,
        answered: true,
      };
    case 'refused':
      return {
        reason: `a queue that is bound for ${eventRoutingKey(event)} accepts no more messages`,
        cause: published.summary,
        ofEvent: true,
        answered: true,
      };
    case 'unknown':
      return {
        reason: 'RabbitMQ has not confirmed it',
        cause: published.summary,
        ofEvent: false,
        answered: false,
      };
  }
}

function summarize(results: readonly PublishResult[]): PublishedBatch {
  let unroutable = 0;
  for (const [count, arrival] of results.entries()) {
    if (typeof arrival !== 'string') return { count, unroutable, stopped: arrival };
    if (arrival === 'unroutable') unroutable++;
  }
  return { count: results.length, unroutable, stopped: null };
}
