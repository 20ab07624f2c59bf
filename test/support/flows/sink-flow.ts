import { expect } from 'vitest';

import { deleteSink } from '../../../services/postgres/sinks/sinks.ts';
import { accepted, settled } from '../worlds/control-plane.ts';
import { deliveredTo, type Endpoint, firstTimes, addWebhook, startEndpoint } from '../worlds/sink-world.ts';
import type { Flow } from './flows.ts';

/** By tenant: the endpoint of its webhook. */
const endpoints = new Map<string, Endpoint>();

export const aDelivery: Flow = {
  name: 'the delivery of a move to a webhook',
  holds: 'the webhook gets every move, in order',
  async prepare(plane, tenant) {
    const endpoint = await startEndpoint();
    endpoints.set(tenant, endpoint);
    await addWebhook(plane, tenant, endpoint);
    await settled(plane, tenant, await accepted(plane, tenant));
    await deliveredTo(plane, tenant, 1);
  },
  async run(plane, tenant) {
    const files = { 'config.json': '{"a":2}' };
    await settled(plane, tenant, await accepted(plane, tenant, { files }));
    await deliveredTo(plane, tenant, 2);
  },
  async check(plane, tenant, at) {
    await deliveredTo(plane, tenant, 2);
    expect(firstTimes(endpoints.get(tenant)?.seqs() ?? []), at).toEqual([1, 2]);
    // `killAtEveryMessage` publishes again afterwards. That release must not be delivered to the closed endpoint.
    await deleteSink(plane.db, tenant, 'audit', { by: 'test', requestId: 'test', at: Date.now() });
    await endpoints.get(tenant)?.server.close();
  },
  // The publish flow already covers the messages of the release. Only the messages of the sink are new.
  concerns: ({ handler }) => handler.startsWith('Sink/'),
  atLeast: 8,
};
