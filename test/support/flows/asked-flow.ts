import { expect } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { type CalloutId, calloutKey } from '../../../core/callout.ts';
import { releaseKey } from '../../../packages/protocol/identifiers.ts';
import { type CallbackRequest, Release } from '../../../handlers/contract/release.ts';
import { storeBlobs } from '../../../services/postgres/content/blobs.ts';
import { findPointer, listMoves } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { build, compiled, givePolicy } from '../worlds/asked-world.ts';
import { accepted, type ControlPlane, settled } from '../worlds/control-plane.ts';
import { eventually } from '../runs/eventually.ts';
import { type OutsideServer, startOutsideServer } from '../servers/outside-server.ts';
import type { Flow } from './flows.ts';

/** By tenant: the outside server that receives requests to compile and to check. */
const outsiders = new Map<string, OutsideServer>();

const id = (tenant: string) => ({ tenant, bundle: 'bundle', version: 1 });

async function requested(tenant: string, path: string): Promise<void> {
  const isThere = async () => outsiders.get(tenant)?.arrived.some((request) => request.path === path);
  await eventually(isThere, { what: `the request at ${path}` });
}

/**
 * Waits until release v1 has suspended n times to wait for a response. A response that arrives before v1 waits would
 * change the messages that the worker sends, so they would differ from the recorded ones.
 */
async function isAsleep(plane: ControlPlane, tenant: string, n: number): Promise<void> {
  const sleeps = `SELECT j.id FROM sys_journal j JOIN sys_invocation i ON j.id = i.id
    WHERE i.target = 'Release/${tenant}/bundle/v1/run' AND j.entry_type = 'Command: Sleep'`;
  await eventually(async () => (await plane.admin.query(sleeps)).length >= n, {
    what: `a release that waits, ${n}`,
  });
}

async function answer(
  plane: ControlPlane,
  callout: CalloutId,
  report: CallbackRequest['report'],
): Promise<void> {
  const answered = await plane.ingress.client(Release, releaseKey(callout.id)).recordCallback({
    callback: calloutKey(callout),
    report,
    fingerprint: digestOf(JSON.stringify(report)),
    requestId: 'test',
  });
  expect(answered.kind).toBe('taken');
}

export const aCallout: Flow = {
  name: 'a publish with a remote compiler and a requested check',
  holds: 'each request keeps one idempotency key, each report counts once, and the pointer moves once',
  async prepare(plane, tenant) {
    const server = await startOutsideServer((_request, response) => response.writeHead(202).end());
    outsiders.set(tenant, server);
    await givePolicy(plane, tenant, {
      compile: { executor: 'http', url: `${server.origin}/compile` },
      channels: { live: { gates: [{ check: { name: 'e2e', url: `${server.origin}/check` } }] } },
    });
  },
  async run(plane, tenant) {
    await accepted(plane, tenant);
    await requested(tenant, '/compile');
    await isAsleep(plane, tenant, 1);
    const built = build({ 'a.txt': tenant });
    await storeBlobs(
      plane.db,
      tenant,
      built.blobs.map(({ text, ...blob }) => ({ ...blob, content: Buffer.from(text) })),
    );
    const compile = { id: id(tenant), purpose: 'compile', subject: '1' } as const;
    await answer(plane, compile, { purpose: 'compile', content: compiled(built) });
    await requested(tenant, '/check');
    await isAsleep(plane, tenant, 2);
    const check = { id: id(tenant), purpose: 'check', subject: 'e2e' } as const;
    await answer(plane, check, { purpose: 'check', content: { conclusion: 'success' } });
    await settled(plane, tenant, 1);
  },
  async check(plane, tenant, at) {
    const release = await findRelease(plane.db, id(tenant));
    expect(release?.outcome, at).toBe('published');
    const pointer = { tenant, bundle: 'bundle', channel: 'live' };
    expect((await findPointer(plane.db, pointer))?.digest, at).toBe(build({ 'a.txt': tenant }).digest);
    expect(await listMoves(plane.db, pointer, { limit: 20 }), at).toHaveLength(1);
    const requests = release?.effects.filter(({ effect }) => effect.endsWith('-request'));
    expect(
      requests?.map(({ state }) => state),
      at,
    ).toEqual(['done', 'done']);
    const keys = outsiders
      .get(tenant)
      ?.arrived.map(({ path, headers }) => `${path} ${headers['idempotency-key']}`);
    expect(new Set(keys), at).toEqual(
      new Set([`/compile ${tenant}:bundle:v1:compile:1`, `/check ${tenant}:bundle:v1:check:e2e`]),
    );
    // `killAtEveryMessage` publishes again afterwards. That release must need no compiler and no check.
    await givePolicy(plane, tenant, {});
    await outsiders.get(tenant)?.close();
  },
  // Only those messages of the release in which it waits for its compiler. The other flows cover the rest of its
  // messages.
  concerns: ({ handler, message }) =>
    handler.startsWith('Callout/') ||
    handler === 'Release/recordCallback' ||
    (handler === 'Release/run' && message > 1 && message < 13),
  atLeast: 30,
};
