import { expect } from 'vitest';

import { deliveryKey, type DeliveryName } from '../../../packages/protocol/hook.ts';
import { HookDelivery } from '../../../handlers/contract/hooks.ts';
import { listDeliveries } from '../../../services/postgres/hooks/deliveries.ts';
import { listMoves } from '../../../services/postgres/channels/pointers.ts';
import { listReleases } from '../../../services/postgres/releases/releases.ts';
import { repositoryArchive } from '../data/archives.ts';
import { settled } from '../worlds/control-plane.ts';
import { receive, setHook } from '../data/hooks.ts';
import { type OutsideServer, startOutsideServer } from '../servers/outside-server.ts';
import type { Flow } from './flows.ts';

/** By tenant: the server from which Pointsman fetches the pushed sources. */
const hosts = new Map<string, OutsideServer>();

const named = (tenant: string): DeliveryName => ({ tenant, hook: 'main', delivery: 'one' });

/**
 * The hook has no token, so no commit status is sent. The sweep sends commit statuses at times that differ between
 * runs, and the recorded messages of the worker must be the same in every run.
 */
const generic = { provider: 'generic', repository: 'bot', token: null } as const;

export const aPush: Flow = {
  name: 'the hook delivery of a push',
  holds: 'the source of the push is published once, even if it is fetched several times',
  async prepare(plane, tenant) {
    const archive = await repositoryArchive({ 'config.json': '{"a":1}' });
    const host = await startOutsideServer((_request, response) => response.writeHead(200).end(archive));
    hosts.set(tenant, host);
    await setHook(plane.db, tenant, generic);
  },
  async run(plane, tenant) {
    // The delivery is recorded only now. If it were recorded during the preparation, a sweep could start it before
    // the flow does.
    await receive(plane.db, named(tenant), {
      provider: 'generic',
      repository: 'bot',
      sourceUrl: `${hosts.get(tenant)?.origin}/bot.tgz`,
    });
    await plane.ingress.sendClient(HookDelivery, deliveryKey(named(tenant))).run(null);
    await settled(plane, tenant, 1);
  },
  async check(plane, tenant, at) {
    const releases = await listReleases(plane.db, tenant, 'bundle', { limit: 10 });
    expect(
      releases.map(({ outcome, by }) => [outcome, by]),
      at,
    ).toEqual([['published', 'hook/main']]);
    const [delivery] = await listDeliveries(plane.db, tenant, 'main', { limit: 10 });
    expect(delivery, at).toMatchObject({ state: 'published', version: 1 });
    const pointer = { tenant, bundle: 'bundle', channel: 'live' };
    expect(await listMoves(plane.db, pointer, { limit: 10 }), at).toHaveLength(1);
    await hosts.get(tenant)?.close();
  },
  // The publish flow already covers the messages of the release that the push starts.
  concerns: ({ handler }) => handler.startsWith('HookDelivery/') || handler.startsWith('CommitStatus/'),
  atLeast: 10,
};
