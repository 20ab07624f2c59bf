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
  test('has the whole artifact, parses each file once, freezes it, and returns undefined for an unknown file', async () => {
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

  test.each(['api', 'long-poll', 'server-sent-events'] as const)(
    'follows each move with %s as its source',
    async (source) => {
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
    },
  );

  test('fetches each missing blob once, and fetches nothing for a release that it already has', async () => {
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

  test('shares each blob in memory with a thousand followers in its process, which fetch it once', async () => {
    await world.publish(ONE);
    // One process runs the API and all followers, so this test has a long deadline and measures no time.
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

  test('lets a session keep the generation that it began with', async () => {
    await world.publish(ONE);
    const follower = await world.follow();
    const session = follower.pin();
    await world.publish(TWO);
    await world.at(follower, 2);
    expect([session.generation, session.json('a.json')]).toEqual([1, { n: 1 }]);
    expect(follower.pin().json('a.json')).toEqual({ n: 2 });
  });

  test('acknowledges the generation that it runs, and moves to the pointer in the response', async () => {
    await world.publish(ONE);
    const never = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) });
    const follower = await world.follow({ name: 'bot', source: never });
    const digest = await world.publish(TWO);
    await eventually(async () => (await listed())[0]?.['generation'] === 1, {
      what: 'the acknowledgement has arrived',
    });
    expect(await listed()).toMatchObject([{ follower: 'bot', by: 'fleet', state: 'behind' }]);
    await world.at(follower, 2);
    await eventually(async () => (await listed())[0]?.['digest'] === digest, {
      what: 'the next acknowledgement has arrived',
    });
    // The database records the acknowledgement before the follower gets the response to it.
    await eventually(async () => follower.status().acknowledged === 2, { what: 'it has the response' });
    expect(follower.status()).toMatchObject({ isOnDisk: true, problems: {}, wanted: null });
  });

  test('follows fifty quickly published releases in order, and ends at the last one', async () => {
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

describe('content that does not match its digest', () => {
  const cases = {
    'a manifest': (path: string, body: Buffer) =>
      path.includes('/artifacts/') ? Buffer.concat([body, Buffer.from(' ')]) : null,
    'a blob': (path: string, body: Buffer) =>
      path.endsWith(digestOf(TWO['a.json'])) ? Buffer.from(body.toString().replace('2', '3')) : null,
    'an index': (path: string, body: Buffer) =>
      path.endsWith(artifactOf(TWO).index.digest) ? Buffer.from(body.toString().toUpperCase()) : null,
    'a blob with extra bytes at its end': (path: string, body: Buffer) =>
      path.endsWith(digestOf(TWO['a.json'])) ? Buffer.concat([body, Buffer.alloc(10_000_000)]) : null,
    'a blob that is cut short': (path: string, body: Buffer) =>
      path.endsWith(digestOf(TWO['a.json'])) ? body.subarray(0, 3) : null,
  };
  test.each(Object.entries(cases))('is not served: %s', async (_what, tamper) => {
    await world.publish(ONE);
    const follower = await world.follow();
    world.forwarder.tamper = tamper;
    await world.publish(TWO);
    await eventually(async () => follower.status().problems.artifact !== undefined, {
      what: 'the status has the problem',
    });
    expect([follower.current.generation, follower.status().wanted]).toEqual([1, 2]);
    world.forwarder.tamper = null;
    await world.at(follower, 2);
    await eventually(async () => follower.status().problems.artifact === undefined, {
      what: 'the status has no problem',
    });
  });
});

describe('while the control plane is unreachable', () => {
  test('a follower serves its current generation, and catches up once the control plane is back', async () => {
    await world.publish(ONE);
    const follower = await world.follow();
    await world.apiDown();
    await world.publish(TWO);
    await eventually(async () => follower.status().transport === 'retrying', {
      what: 'the follower retries',
    });
    expect(follower.current.json('a.json')).toEqual({ n: 1 });
    await world.apiUp();
    await world.at(follower, 2);
    await eventually(async () => follower.status().problems.source === undefined, {
      what: 'the status has no problem',
    });
  });

  test('a starting follower serves its last generation from disk, and fails to start if its folder is empty', async () => {
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

  test('a follower whose token is revoked continues to serve, and reports the revocation in its status', async () => {
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
    await eventually(async () => follower.status().problems.source?.includes('401'), {
      what: 'the status has the problem',
    });
    expect(follower.current.json('a.json')).toEqual({ n: 1 });
  });
});

describe('a follower that restarts', () => {
  test('does not go back to an older generation, even if the control plane goes back', async () => {
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
    // A long-poll reads the pointer again at once. With an event stream, only the slow poll does.
    const again = await world.follow({ folder: await world.elsewhere(), source: 'long-poll' });
    const says = async () => again.status().problems.pointer?.includes('that its data was not lost');
    await eventually(says, { what: 'the follower has received an older generation' });
    expect(again.status().ignored.older).toBeGreaterThan(2);
    expect([again.current.generation, again.current.json('a.json')]).toEqual([2, { n: 2 }]);
  });

  test('fetches a damaged blob again, and serves no older generation in the meantime', async () => {
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

  test('serves even if its folder cannot be written, and reports that in its status', async () => {
    await world.publish(ONE);
    await writeFile(join(world.folder, 'file'), '');
    const follower = await world.follow({ folder: join(world.folder, 'file', 'no-folder') });
    expect(follower.current.json('a.json')).toEqual({ n: 1 });
    expect(follower.status()).toMatchObject({ isOnDisk: false, problems: { disk: expect.any(String) } });
    await world.publish(TWO);
    await world.at(follower, 2);
  });

  test('keeps only its last generation in its folder', async () => {
    await world.publish(ONE);
    const follower = await world.follow();
    await world.publish(TWO);
    await world.at(follower, 2);
    const names = await readdir(join(world.folder, 'pointers', world.tenant, 'bot', 'live'));
    expect(names).toEqual(['0000000000000002.json']);
  });
});

test('a follower whose name belongs to another token still serves, and reports in its status that its acknowledgements are refused', async () => {
  await world.publish(ONE);
  const { token } = await madeToken(world.api, { name: 'other', tenant: world.tenant, roles: ['follower'] });
  const path = `/v1/tenants/${world.tenant}/bundles/bot/channels/live/followers/bot`;
  await world.api.call('PUT', path, as(token, { json: { generation: 0, digest: null } }));
  const follower = await world.follow({ name: 'bot' });
  await eventually(async () => follower.status().problems.acknowledgement?.includes('409'), {
    what: 'the status has the problem',
  });
  expect(follower.current.generation).toBe(1);
});
