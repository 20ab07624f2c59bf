import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { followedWorld } from '../../support/worlds/followed-world.ts';
import { artifactOf } from '../../support/data/published-files.ts';
import { as, itemsOf, madeToken } from '../../support/data/tokens.ts';

const world = followedWorld();

const ONE = { 'a.json': '{"n":1}', 'b.txt': 'same', 'c.txt': 'same' };
const TWO = { ...ONE, 'a.json': '{"n":2}' };
const listed = async () =>
  itemsOf(await world.api.call('GET', `/v1/tenants/${world.tenant}/bundles/bot/channels/live/followers`));
const fetched = () => world.forwarder.asked.filter((line) => /\/(?:artifacts|blobs)\//.test(line));

describe('a follower', () => {
  test('has the whole artifact, parses a file once and frozen, and knows nothing of others', async () => {
    const digest = await world.publish({ ...ONE, 'deep.json': '{"list":[{"x":null}]}' });
    const { current } = await world.follow();
    expect([current.generation, current.version, current.digest]).toEqual([1, 1, digest]);
    expect([...current.files.keys()]).toEqual(['a.json', 'b.txt', 'c.txt', 'deep.json']);
    expect(current.json('a.json')).toEqual({ n: 1 });
    expect(current.json('a.json')).toBe(current.json('a.json'));
    expect([current.text('b.txt'), current.text('none'), current.json('none')]).toEqual([
      'same',
      undefined,
      undefined,
    ]);
    expect(() => current.json('b.txt')).toThrow(SyntaxError);
    const deep = current.json('deep.json') as { list: object[] };
    expect([current, deep, deep.list, deep.list[0]].every(Object.isFrozen)).toBe(true);
  });

  test.each(['long-poll', 'server-sent-events'] as const)('hears of each move by %s', async (source) => {
    await world.publish(ONE);
    const follower = await world.follow({ source });
    const seen: number[] = [];
    follower.onChange((bundle, previous) => seen.push(previous.generation, bundle.generation));
    for (let n = 2; n <= 5; n++) {
      await world.publish({ 'a.json': `{"n":${n}}` });
      await world.at(follower, n);
    }
    expect(follower.current.json('a.json')).toEqual({ n: 5 });
    expect(seen).toEqual([1, 2, 2, 3, 3, 4, 4, 5]);
  });

  test('fetches only the blobs that it lacks, each once, and none of a release that it has had', async () => {
    await world.publish(ONE);
    const follower = await world.follow();
    const { blobs: first } = artifactOf(ONE);
    expect(fetched()).toHaveLength(new Set(first.map(({ digest }) => digest)).size);
    world.forwarder.asked.length = 0;
    const two = await world.publish(TWO);
    await world.at(follower, 2);
    const { index } = artifactOf(TWO);
    const of = `GET /v1/tenants/${world.tenant}`;
    expect(fetched().toSorted()).toEqual(
      [
        `${of}/artifacts/${two}`,
        `${of}/blobs/${index.digest}`,
        `${of}/blobs/${digestOf(TWO['a.json'])}`,
      ].toSorted(),
    );
    world.forwarder.asked.length = 0;
    await world.pointAt(1);
    await world.at(follower, 3);
    expect([follower.current.version, fetched()]).toEqual([1, []]);
  });

  test('is one of a thousand that fetch each blob once, and share it in memory', async () => {
    await world.publish(ONE);
    // In one process with the API and all that is between: how long that takes is not what this is about.
    const begun = Array.from({ length: 1_000 }, () => world.follow({ startMs: 200_000 }));
    const followers = await Promise.all(begun);
    expect(new Set(fetched()).size).toBe(fetched().length);
    const [first] = followers;
    expect(followers.every(({ current }) => current.json('a.json') === first?.current.json('a.json'))).toBe(
      true,
    );
    await world.publish(TWO);
    await eventually(async () => followers.every(({ current }) => current.generation === 2), {
      what: 'all of them',
    });
    expect(new Set(fetched()).size).toBe(fetched().length);
  });

  test('lets a session keep what it began with, whatever moves', async () => {
    await world.publish(ONE);
    const follower = await world.follow();
    const session = follower.pin();
    await world.publish(TWO);
    await world.at(follower, 2);
    expect([session.generation, session.json('a.json')]).toEqual([1, { n: 1 }]);
    expect(follower.pin().json('a.json')).toEqual({ n: 2 });
  });

  test('acknowledges what it runs, and goes by the answer', async () => {
    await world.publish(ONE);
    const never = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) });
    const follower = await world.follow({ name: 'bot', source: never });
    const digest = await world.publish(TWO);
    await eventually(async () => (await listed())[0]?.['generation'] === 1, { what: 'it has said so' });
    expect(await listed()).toMatchObject([{ follower: 'bot', by: 'fleet', state: 'behind' }]);
    await world.at(follower, 2);
    await eventually(async () => (await listed())[0]?.['digest'] === digest, {
      what: 'it has said that too',
    });
    // The record has the acknowledgement before the follower has the response to it.
    await eventually(async () => follower.status().acknowledged === 2, { what: 'it has the response' });
    expect(follower.status()).toMatchObject({ isOnDisk: true, problems: {}, wanted: null });
  });

  test('follows fifty releases published as fast as they can be, and ends at the last', async () => {
    await world.publish(ONE);
    const follower = await world.follow();
    const seen: number[] = [];
    follower.onChange(({ generation, json }) => {
      seen.push(generation);
      expect(json('a.json')).toEqual({ n: generation });
    });
    for (let n = 2; n <= 50; n++) await world.publish({ 'a.json': `{"n":${n}}`, 'b.txt': 'same' });
    await world.at(follower, 50);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe('what is not what its digest says', () => {
  const cases = {
    'a manifest': (path: string, body: Buffer) =>
      path.includes('/artifacts/') ? Buffer.concat([body, Buffer.from(' ')]) : null,
    'a blob': (path: string, body: Buffer) =>
      path.endsWith(digestOf(TWO['a.json'])) ? Buffer.from(body.toString().replace('2', '3')) : null,
    'an index': (path: string, body: Buffer) =>
      path.endsWith(artifactOf(TWO).index.digest) ? Buffer.from(body.toString().toUpperCase()) : null,
    'a blob with bytes behind it': (path: string, body: Buffer) =>
      path.endsWith(digestOf(TWO['a.json'])) ? Buffer.concat([body, Buffer.alloc(10_000_000)]) : null,
    'a blob that is cut short': (path: string, body: Buffer) =>
      path.endsWith(digestOf(TWO['a.json'])) ? body.subarray(0, 3) : null,
  };
  test.each(Object.entries(cases))('is not served: %s', async (_what, tamper) => {
    await world.publish(ONE);
    const follower = await world.follow();
    world.forwarder.tamper = tamper;
    await world.publish(TWO);
    await eventually(async () => follower.status().problems.artifact !== undefined, { what: 'it says so' });
    expect([follower.current.generation, follower.status().wanted]).toEqual([1, 2]);
    world.forwarder.tamper = null;
    await world.at(follower, 2);
    await eventually(async () => follower.status().problems.artifact === undefined, { what: 'it is well' });
  });
});

describe('while the control plane is away', () => {
  test('what runs is served, and when it is back, what was missed is caught up with', async () => {
    await world.publish(ONE);
    const follower = await world.follow();
    await world.apiDown();
    await world.publish(TWO);
    await eventually(async () => follower.status().transport === 'retrying', { what: 'it has noticed' });
    expect(follower.current.json('a.json')).toEqual({ n: 1 });
    await world.apiUp();
    await world.at(follower, 2);
    await eventually(async () => follower.status().problems.source === undefined, { what: 'it is well' });
  });

  test('a follower that starts serves what ran last, from disk, and nothing where nothing did', async () => {
    await world.publish(ONE);
    await world.publish(TWO);
    await (await world.follow()).close();
    world.forwarder.down();
    const follower = await world.follow({ folder: await world.elsewhere() });
    expect([follower.current.generation, follower.current.json('a.json')]).toEqual([2, { n: 2 }]);
    await expect(world.follow({ folder: join(world.folder, 'other'), startMs: 500 })).rejects.toThrow(
      'is available: the control plane is unreachable',
    );
    await world.publish(ONE);
    world.forwarder.up();
    await world.at(follower, 3);
  });

  test('a token that is revoked keeps nothing from being served, and is told in the status', async () => {
    await world.publish(ONE);
    const { id, token } = await madeToken(world.api, {
      name: 'gone',
      tenant: world.tenant,
      roles: ['follower'],
    });
    const follower = await world.follow({ token });
    await world.api.call('DELETE', `/v1/tokens/${id}`);
    world.forwarder.down();
    world.forwarder.up();
    await eventually(async () => follower.status().problems.source?.includes('401'), { what: 'it says so' });
    expect(follower.current.json('a.json')).toEqual({ n: 1 });
  });
});

describe('from one start to the next', () => {
  test('nothing goes back a generation, whatever the control plane says', async () => {
    await world.publish(ONE);
    await world.publish(TWO);
    const follower = await world.follow();
    await follower.close();
    world.forwarder.tamper = (path, body) => {
      if (!path.endsWith('/channels/live') || body.length === 0) return null;
      const pointer = JSON.parse(body.toString()) as object;
      return Buffer.from(
        JSON.stringify({ ...pointer, generation: 1, version: 1, digest: artifactOf(ONE).digest }),
      );
    };
    const again = await world.follow({ folder: await world.elsewhere() });
    const says = async () => again.status().problems.pointer?.includes('that its data was not lost');
    await eventually(says, { what: 'it has heard of the past' });
    expect(again.status().ignored.older).toBeGreaterThan(2);
    expect([again.current.generation, again.current.json('a.json')]).toEqual([2, { n: 2 }]);
  });

  test('a damaged blob is fetched again; until it is, nothing older is served in its place', async () => {
    await world.publish(ONE);
    await world.publish(TWO);
    await (await world.follow()).close();
    const folder = await world.elsewhere();
    const damaged = join(folder, 'blobs', digestOf(TWO['a.json']).slice('sha256:'.length));
    await writeFile(damaged, '{"n":9}');
    world.forwarder.down();
    await expect(world.follow({ folder, startMs: 300 })).rejects.toThrow(
      'is available: the control plane is unreachable',
    );
    world.forwarder.up();
    expect((await world.follow({ folder })).current.json('a.json')).toEqual({ n: 2 });
    expect(await readFile(damaged, 'utf8')).toBe(TWO['a.json']);
  });

  test('a disk that takes nothing keeps nothing from being served, and is told in the status', async () => {
    await world.publish(ONE);
    await writeFile(join(world.folder, 'file'), '');
    const follower = await world.follow({ folder: join(world.folder, 'file', 'no-folder') });
    expect(follower.current.json('a.json')).toEqual({ n: 1 });
    expect(follower.status()).toMatchObject({ isOnDisk: false, problems: { disk: expect.any(String) } });
    await world.publish(TWO);
    await world.at(follower, 2);
  });

  test('the folder keeps what ran last, and says which that was', async () => {
    await world.publish(ONE);
    const follower = await world.follow();
    await world.publish(TWO);
    await world.at(follower, 2);
    const names = await readdir(join(world.folder, 'pointers', world.tenant, 'bot', 'live'));
    expect(names).toEqual(['0000000000000002.json']);
  });
});

test('another token’s name is not taken: the follower serves, and says that it is not heard', async () => {
  await world.publish(ONE);
  const { token } = await madeToken(world.api, { name: 'other', tenant: world.tenant, roles: ['follower'] });
  const path = `/v1/tenants/${world.tenant}/bundles/bot/channels/live/followers/bot`;
  await world.api.call('PUT', path, as(token, { json: { generation: 0, digest: null } }));
  const follower = await world.follow({ name: 'bot' });
  await eventually(async () => follower.status().problems.acknowledgement?.includes('409'), {
    what: 'it says so',
  });
  expect(follower.current.generation).toBe(1);
});
