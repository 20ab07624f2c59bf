import type { SinkId } from '../../core/sink.ts';
import { SINK_TEST, type TestEvent } from './target.ts';

/** An event whose only purpose is to be delivered. */
export function testEvent({ tenant, sink }: SinkId, id: string, atMs: number): TestEvent {
  return {
    specversion: '1.0',
    id,
    source: `/v1/tenants/${tenant}`,
    type: SINK_TEST,
    subject: `${tenant}/sinks/${sink}`,
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    data: { tenant, sink },
  };
}
