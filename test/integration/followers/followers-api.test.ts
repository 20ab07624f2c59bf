import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Role } from '../../../packages/protocol/access.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { followerLimits } from '../../../packages/protocol/limits.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { limitTenant } from '../../support/data/quotas.ts';
import { newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';
import { as, itemsOf, madeToken, shown } from '../../support/data/tokens.ts';

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

describe('an acknowledgement from a follower', () => {
  test('returns the current pointer and appears in the list, and changes nothing when it is repeated', async () => {
    const answer = await put('bot-1', truth(1));
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"2"']);
    expect(answer.json).toMatchObject({ generation: 2, version: 2, digest: digests[1], hold: null });
    expect(shown(await put('bot-1', truth(1)))).toEqual(shown(answer));
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

  test('is refused with 429 and the quota if the follower is new and exceeds the quota of the tenant, and existing followers can still acknowledge', async () => {
    await put('bot-1', truth(1));
    await limitTenant(store.db, tenant, { followers: 1 });
    const refused = await put('bot-2', truth(1));
    expect([refused.status, refused.json]).toMatchObject([
      429,
      { code: 'quota_exceeded', quota: { quota: 'followers', used: 1, limit: 1 } },
    ]);
    expect((await put('bot-1', truth(2))).status).toBe(200);
  });

  test('with a digest or generation that differs from the record is refused with the recorded value, and is not listed', async () => {
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
  ])('with the body %j is refused with the location of the mistake', async (json, pointer) => {
    const answer = await put('bot-1', json);
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toContainEqual(expect.objectContaining({ pointer }));
  });

  test('for an unknown channel, bundle or tenant is refused, and the error names what does not exist', async () => {
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

describe('access to the followers of a tenant', () => {
  test('a follower or an admin of the tenant can acknowledge, and tokens of other roles are refused', async () => {
    for (const role of Role.options) {
      const { token: by } = await madeToken(api, { name: `a-${role}`, tenant, roles: [role] });
      const { status } = await put(`by-${role}`, truth(1), { by });
      expect([role, status]).toEqual([role, ['follower', 'admin'].includes(role) ? 200 : 403]);
    }
  });

  test('a token of another tenant gets the same response for existing and for unknown tenants', async () => {
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
    expect([there.status, shown(there)]).toEqual([403, shown(nowhere)]);
    expect((await api.call('GET', path(), as(by))).status).toBe(403);
    expect(itemsOf(await api.call('GET', path()))).toEqual([]);
  });

  test('the name of a follower belongs to the token that used it first, and to a later token with the same name', async () => {
    const first = await madeToken(api, { name: 'first', tenant, roles: ['follower'] });
    expect((await put('bot-1', truth(1), { by: first.token })).status).toBe(200);
    const taken = await put('bot-1', truth(2));
    expect([taken.status, taken.json['code'], taken.json['by']]).toEqual([409, 'follower_taken', 'first']);
    await api.call('DELETE', `/v1/tokens/${first.id}`);
    const next = await madeToken(api, { name: 'first', tenant, roles: ['follower'] });
    expect((await put('bot-1', truth(2), { by: next.token })).status).toBe(200);
  });
});

test('acknowledgements of one follower above the rate limit are refused with Retry-After, and other followers are not affected', async () => {
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

test('the list of followers goes page by page, furthest behind first, and refuses an invalid cursor', async () => {
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
