import { expect } from 'vitest';

import { deliveryKey, type DeliveryName } from '../../../packages/protocol/hook.ts';
import { HookDelivery } from '../../../handlers/contract/hooks.ts';
import { listDeliveries } from '../../../services/postgres/hooks/deliveries.ts';
import { listMoves } from '../../../services/postgres/channels/pointers.ts';
import { listReleases } from '../../../services/postgres/releases/releases.ts';
import { repositoryArchive } from '../../support/data/archives.ts';
import { settled } from '../../support/worlds/control-plane.ts';
import { receive, setHook } from '../../support/data/hooks.ts';
import { type OutsideServer, startOutsideServer } from '../../support/servers/outside-server.ts';
import type { Flow } from './flows.ts';

/** Where the sources of a tenant's pushes are. */
const hosts = new Map<string, OutsideServer>();

const named = (tenant: string): DeliveryName => ({ tenant, hook: 'main', delivery: 'one' });

/** Without a token, so that no commit is told anything: when the sweep tells it is no matter of messages. */
const generic = { provider: 'generic', repository: 'bot', token: null } as const;

export const aPush: Flow = {
  name: 'a push that is delivered',
  holds: 'its source is published once, whatever was fetched in vain',
  async prepare(plane, tenant) {
    const archive = await repositoryArchive({ 'config.json': '{"a":1}' });
    const host = await startOutsideServer((_request, response) => response.writeHead(200).end(archive));
    hosts.set(tenant, host);
    await setHook(plane.db, tenant, generic);
  },
  async run(plane, tenant) {
    // Here, and not before: the sweep would start it.
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
  // What it sets off is a publish as any other.
  concerns: ({ handler }) => handler.startsWith('HookDelivery/') || handler.startsWith('CommitStatus/'),
  atLeast: 20,
};
