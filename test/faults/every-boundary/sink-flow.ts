import { expect } from 'vitest';

import { deleteSink } from '../../../services/postgres/sinks/sinks.ts';
import { accepted, settled } from '../../support/worlds/control-plane.ts';
import {
  deliveredTo,
  type Endpoint,
  firstTimes,
  addWebhook,
  startEndpoint,
} from '../../support/worlds/sink-world.ts';
import type { Flow } from './flows.ts';

/** The webhook endpoints of the tenants. */
const endpoints = new Map<string, Endpoint>();

export const aDelivery: Flow = {
  name: 'a move that is delivered',
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
    // The next release of this tenant is the killing test's own publish, which is not to be delivered.
    await deleteSink(plane.db, tenant, 'audit', { by: 'test', requestId: 'test', at: Date.now() });
    await endpoints.get(tenant)?.server.close();
  },
  // The rest is a publish like any other, except for the notification of the sink at its end.
  concerns: ({ handler }) => handler.startsWith('Sink/'),
  atLeast: 16,
};
