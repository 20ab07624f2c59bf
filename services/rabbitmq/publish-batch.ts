import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';
import type { Batch } from '../sinks/target.ts';
import type { Published } from './confirms.ts';
import { publishLimits } from './limits.ts';
import { eventRoutingKey, moveMessage } from './move-message.ts';
import type { RabbitSession } from './session.ts';

export interface PublishedBatch {
  /** The number of events at the start of the batch that were delivered without a gap. */
  readonly count: number;
  /**
   * The number of delivered events that were not routed to any queue. They count as delivered, because their channel
   * does not require a queue.
   */
  readonly unroutable: number;
  /** The reason why the first undelivered event was not delivered. It is null if all events were delivered. */
  readonly stopped: PublishFailure | null;
}

interface PublishFailure {
  /** The reason that is shown to the tenant. */
  readonly reason: string;
  /** The details that are logged for the operator. */
  readonly cause: string;
  /** Whether only this event can't be delivered. If false, the broker itself seems to fail. */
  readonly ofEvent: boolean;
  /** Whether the broker has responded to the publish of this event. */
  readonly answered: boolean;
}

export interface BatchRules {
  /** Whether the broker is asked to return unroutable messages. */
  readonly mandatory: boolean;
  /** The reason why it can't be determined whether a queue is bound. It is null if it can be determined. */
  readonly unprovable: string | null;
}

type PublishResult = 'arrived' | 'unroutable' | PublishFailure;

/**
 * Publishes events in order. Up to `publishLimits.inFlight` messages may wait for their confirm at a time. Waiting
 * for each confirm before the next publish would take twenty times as long.
 *
 * After the first failure, no further event is published. Events that were already published at that moment may still
 * arrive. A consumer may therefore receive an event after the failed one, and can detect the missing event.
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
