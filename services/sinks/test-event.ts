import type { SinkId } from '@pointsman/protocol/sinks/sink';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { SINK_TEST, type TestEvent } from '@pointsman/protocol/moves/sink-event';

/** Creates a test event for a sink. Consumers must ignore it. */
export function testEvent({ tenant, sink }: SinkId, id: string, atMs: number): TestEvent {
  return {
    specversion: '1.0',
    id,
    source: pathOf(paths.tenant, { tenant }),
    type: SINK_TEST,
    subject: `${tenant}/sinks/${sink}`,
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    data: { tenant, sink },
  };
}
