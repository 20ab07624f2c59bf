import { MOVE_EXCHANGE, moveRoutingKey } from '@pointsman/protocol/sinks/sink';
import { SINK_TEST, type SinkEvent } from '@pointsman/protocol/moves/sink-event';
import type { RabbitMessage } from './confirms.ts';

/**
 * A CloudEvent in the structured mode of the AMQP binding (CloudEvents 1.0.2, amqp-protocol-binding.md,
 * section 3.2): the body contains the whole event, and the content type marks it. Repeating its attributes as
 * `cloudEvents:` headers is optional (3.2.3) and omitted, because two copies could disagree. The standard
 * AMQP properties are also set, for operators who inspect queues.
 */
const CLOUD_EVENT = 'application/cloudevents+json; charset=utf-8';

/** The same event always gives the same message. */
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

/**
 * A test is routed as `acme.-.-`: three words as for a move, but `-` is not a valid bundle or channel name.
 */
export function eventRoutingKey(event: SinkEvent): string {
  return event.type === SINK_TEST ? `${event.data.tenant}.-.-` : moveRoutingKey(event.data);
}
