import { MOVE_EXCHANGE, moveRoutingKey } from '@pointsman/protocol/sinks/sink';
import { SINK_TEST, type SinkEvent } from '@pointsman/protocol/moves/sink-event';
import type { RabbitMessage } from './confirms.ts';

/**
 * The content type of a CloudEvent in the structured mode of the AMQP binding (CloudEvents 1.0.2,
 * amqp-protocol-binding.md, section 3.2). In this mode the body contains the whole event. Section 3.2.3 permits
 * repeating the attributes as `cloudEvents:` headers. They are omitted, because headers and body could then contain
 * different values. The standard AMQP properties are set for operators who inspect queues.
 */
const CLOUD_EVENT = 'application/cloudevents+json; charset=utf-8';

/** Converts an event to a message. The same event always results in the same message. */
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
 * Returns the routing key of an event. For a move it is `<tenant>.<bundle>.<channel>`. For a test event it is
 * `<tenant>.-.-`, because `-` is not a valid bundle or channel name.
 */
export function eventRoutingKey(event: SinkEvent): string {
  return event.type === SINK_TEST ? `${event.data.tenant}.-.-` : moveRoutingKey(event.data);
}
