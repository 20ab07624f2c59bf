import type { Batch, SinkEvent } from '../sinks/target.ts';
import type { Published } from './confirms.ts';
import { rabbitLimits } from './limits.ts';
import { eventRoutingKey, moveMessage } from './move-message.ts';
import type { RabbitSession } from './session.ts';

export interface PublishedBatch {
  /** So many have arrived, counted from the front and without a hole. */
  readonly count: number;
  /** Of those, the ones that no queue wanted and none had to. */
  readonly unroutable: number;
  /** Why the next one has not. */
  readonly stopped: Stop | null;
}

interface Stop {
  /** For the tenant's eyes. */
  readonly reason: string;
  /** For the operator's. */
  readonly cause: string;
  /** Only this event has nowhere to go; nothing is known to be wrong with the broker. */
  readonly ofEvent: boolean;
  /** Whether the broker has answered for this event. */
  readonly answered: boolean;
}

export interface BatchRules {
  /** Whether the broker is to say so when it finds no queue. */
  readonly mandatory: boolean;
  /** Why nobody can know whether a queue is bound; null when it can be known, or need not be. */
  readonly unprovable: string | null;
}

type Arrival = 'arrived' | 'unroutable' | Stop;

/**
 * Publishes in order without waiting for each confirm, up to {@link rabbitLimits.inFlight} ahead of the first that is missing. After
 * the first failure nothing more is published. What was on its way by then may arrive ahead of what failed: waiting for each confirm
 * would rule that out, and take twenty times as long. A consumer notices the gap.
 */
export async function publishBatch(
  session: Pick<RabbitSession, 'publish'>,
  { events, mustBeTaken }: Pick<Batch, 'events' | 'mustBeTaken'>,
  { mandatory, unprovable }: BatchRules,
): Promise<PublishedBatch> {
  const soFar = { failed: false };
  const publish = async (event: SinkEvent): Promise<Arrival> => {
    const must = mustBeTaken(event);
    const arrival =
      must && unprovable !== null
        ? { reason: unprovable, cause: 'declared in another way', ofEvent: true, answered: false }
        : arrivalOf(event, await session.publish(moveMessage(event, mandatory)), must);
    if (typeof arrival !== 'string') soFar.failed = true;
    return arrival;
  };
  const arrivals: Promise<Arrival>[] = [];
  for (const [nth, event] of events.entries()) {
    if (nth >= rabbitLimits.inFlight) await arrivals[nth - rabbitLimits.inFlight];
    if (soFar.failed) break;
    arrivals.push(publish(event));
  }
  return summed(await Promise.all(arrivals));
}

function arrivalOf(event: SinkEvent, published: Published, must: boolean): Arrival {
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
        reason: `a queue that is bound for ${eventRoutingKey(event)} takes no more`,
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

function summed(arrivals: readonly Arrival[]): PublishedBatch {
  let unroutable = 0;
  for (const [count, arrival] of arrivals.entries()) {
    if (typeof arrival !== 'string') return { count, unroutable, stopped: arrival };
    if (arrival === 'unroutable') unroutable++;
  }
  return { count: arrivals.length, unroutable, stopped: null };
}
