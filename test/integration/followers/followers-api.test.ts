import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Role } from '../../../packages/protocol/access.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { followerLimits } from '../../../packages/protocol/limits.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { limitTenant } from '../../support/data/quotas.ts';
import { newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';
import { as, itemsOf, madeToken, told } from '../../support/data/tokens.ts';

let store: Store;
let api: TestApi;
let tenant: string;
let digests: string[];
let token: string;

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
});
beforeEach(async () => {
  tenant = await newTenant(store);
  digests = [];
  for (const version of [1, 2]) digests.push(await published(store, { tenant, bundle: 'bot', version }));
  ({ token } = await madeToken(api, { name: 'fleet', tenant, roles: ['follower'] }));
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

const path = (of = tenant, channel = 'live') => `/v1/tenants/${of}/bundles/bot/channels/${channel}/followers`;
const put = (follower: string, json: unknown, { by = token, to = path() } = {}) =>
  api.call('PUT', `${to}/${follower}`, as(by, { json }));
const truth = (generation: number) => ({ generation, digest: digests[generation - 1] ?? null });

describe('an acknowledgement', () => {
  test('is answered with the pointer to run, and shows in the list; said again, it changes nothing', async () => {
    const answer = await put('bot-1', truth(1));
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"2"']);
    expect(answer.json).toMatchObject({ generation: 2, version: 2, digest: digests[1], hold: null });
    expect(told(await put('bot-1', truth(1)))).toEqual(told(answer));
    const [only, ...more] = itemsOf(await api.call('GET', path()));
    expect([only, more]).toEqual([
      {
        follower: 'bot-1',
        ...truth(1),
        state: 'behind',
        behindBy: 1,
        since: expect.any(String),
        seenAt: expect.any(String),
        by: 'fleet',
      },
      [],
    ]);
  });

  test('of a follower past the tenant’s quota is refused with 429 and the quota; those that are counted go on', async () => {
    await put('bot-1', truth(1));
    await limitTenant(store.db, tenant, { followers: 1 });
    const refused = await put('bot-2', truth(1));
    expect([refused.status, refused.json]).toMatchObject([
      429,
      { code: 'quota_exceeded', quota: { quota: 'followers', used: 1, limit: 1 } },
    ]);
    expect((await put('bot-1', truth(2))).status).toBe(200);
  });

  test('that is a lie is refused with the truth, and is not in the list', async () => {
    const lie = await put('bot-1', { generation: 2, digest: digestOf('x') });
    expect([lie.status, lie.json['code'], lie.json['digest']]).toEqual([
      422,
      'wrong_acknowledgement',
      digests[1],
    ]);
    expect(lie.json['pointer']).toMatchObject({ generation: 2 });
    const early = await put('bot-1', { generation: 3, digest: digests[1] });
    expect([early.status, early.json['code'], early.json['digest']]).toEqual([
      422,
      'wrong_acknowledgement',
      undefined,
    ]);
    expect(itemsOf(await api.call('GET', path()))).toEqual([]);
  });

  test.each([
    [{ generation: 0, digest: digestOf('x') }, '/digest'],
    [{ generation: 1, digest: null }, '/digest'],
    [{ generation: -1, digest: null }, '/generation'],
    [{ generation: 1.5, digest: null }, '/generation'],
    [{ generation: 1, digest: 'sha256:x' }, '/digest'],
    [{ generation: 0, digest: null, lag: 1 }, '/lag'],
  ])('of %j is refused at its place', async (json, pointer) => {
    const answer = await put('bot-1', json);
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toContainEqual(expect.objectContaining({ pointer }));
  });

  test('of a channel, a bundle or a tenant that is not there is told which', async () => {
    const details = await Promise.all([
      put('a', truth(1), { to: path(tenant, 'nowhere') }),
      put('a', truth(1), { to: path().replace('/bot/', '/none/') }),
      put('a', truth(1), { to: path('none'), by: api.adminToken }),
    ]);
    expect(details.map(({ status, json }) => [status, json['detail']])).toEqual([
      [404, 'The channel "nowhere" of "bot" does not exist.'],
      [404, `The tenant "${tenant}" has no bundle "none".`],
      [404, 'The tenant "none" does not exist.'],
    ]);
  });
});

describe('who may', () => {
  test('acknowledge is a follower or an admin of that tenant, and nobody else', async () => {
    for (const role of Role.options) {
      const { token: by } = await madeToken(api, { name: `a-${role}`, tenant, roles: [role] });
      const { status } = await put(`by-${role}`, truth(1), { by });
      expect([role, status]).toEqual([role, ['follower', 'admin'].includes(role) ? 200 : 403]);
    }
  });

  test('of another tenant is told the same of what is there and of what is not', async () => {
    const other = await newTenant(store);
    const { token: by } = await madeToken(api, {
      name: 'fleet',
      tenant: other,
      roles: ['follower', 'admin'],
    });
    const [there, nowhere] = [
      await put('b', truth(1), { by }),
      await put('b', truth(1), { by, to: path('none') }),
    ];
    expect([there.status, told(there)]).toEqual([403, told(nowhere)]);
    expect((await api.call('GET', path(), as(by))).status).toBe(403);
    expect(itemsOf(await api.call('GET', path()))).toEqual([]);
  });

  test('use a name is the token that used it first, and its replacement of the same name', async () => {
    const first = await madeToken(api, { name: 'first', tenant, roles: ['follower'] });
    expect((await put('bot-1', truth(1), { by: first.token })).status).toBe(200);
    const taken = await put('bot-1', truth(2));
    expect([taken.status, taken.json['code'], taken.json['by']]).toEqual([409, 'follower_taken', 'first']);
    await api.call('DELETE', `/v1/tokens/${first.id}`);
    const next = await madeToken(api, { name: 'first', tenant, roles: ['follower'] });
    expect((await put('bot-1', truth(2), { by: next.token })).status).toBe(200);
  });
});

test('a flood of one follower is held back, says when to come again, and holds nobody else back', async () => {
  const flood = Array.from({ length: followerLimits.acknowledgementsPerMinute + 80 }, () =>
    put('loud', truth(2)),
  );
  const answers = await Promise.all(flood);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(answers.filter(({ status }) => status === 200).length).toBe(answers.length - refused.length);
  for (const { headers, json } of refused)
    expect([Number(headers.get('retry-after')) > 0, json['code']]).toEqual([true, 'busy']);
  expect((await put('quiet', truth(2))).status).toBe(200);
});

test('the list goes page by page, stragglers first, and refuses a cursor that is not its own', async () => {
  for (const [name, generation] of [
    ['current', 2],
    ['behind', 1],
    ['nothing', 0],
  ] as const)
    await put(name, truth(generation));
  const order: unknown[] = [];
  for (let next: string | null = ''; next !== null;) {
    const page = await api.call('GET', `${path()}?limit=1${next === '' ? '' : `&cursor=${next}`}`);
    order.push(...itemsOf(page).map(({ follower }) => follower));
    next = page.json['next'] as string | null;
  }
  expect(order).toEqual(['nothing', 'behind', 'current']);
  expect((await api.call('GET', `${path()}?cursor=WzE3XQ`)).status).toBe(422);
  expect((await api.call('GET', path(tenant, 'nowhere'))).status).toBe(404);
});
