import { MOVE_EXCHANGE, moveRoutingKey } from '../../core/sink.ts';
import { SINK_TEST, type SinkEvent } from '../sinks/target.ts';
import type { RabbitMessage } from './confirms.ts';

/**
 * A CloudEvent in the structured mode of the AMQP binding (CloudEvents 1.0.2, amqp-protocol-binding.md, section 3.2): all of it is in the
 * body, and the content type says so. Repeating its attributes as `cloudEvents:` headers is allowed there (3.2.3) and left out: two places
 * could disagree. What AMQP itself has a property for is set besides, for those who look at queues.
 */
const CLOUD_EVENT = 'application/cloudevents+json; charset=utf-8';

/** The same event gives the same message, however often it is sent. */
export function moveMessage(event: SinkEvent, mandatory: boolean): RabbitMessage {
  return {
    exchange: MOVE_EXCHANGE,
    routingKey: eventRoutingKey(event),
    mandatory,
    body: Buffer.from(JSON.stringify(event)),
    contentType: CLOUD_EVENT,
    correlationId: event.type === SINK_TEST ? event.id : event.data.correlationId,
    messageId: event.id,
    type: event.type,
    timestamp: Math.floor(Date.parse(event.time) / 1_000),
  };
}

/** A test is routed as `acme.-.-`: as many words as a move has, none of which is a bundle's or a channel's name. */
export function eventRoutingKey(event: SinkEvent): string {
  return event.type === SINK_TEST ? `${event.data.tenant}.-.-` : moveRoutingKey(event.data);
}
