import { expect, test } from 'vitest';

import { eventually } from '../support/runs/eventually.ts';
import { followedWorld } from '../support/worlds/followed-world.ts';
import { startFollowing, filesWithSum } from '../support/data/followers.ts';

const world = followedWorld();

const options = (name: string) => ({
  url: world.forwarder.url,
  token: world.token,
  tenant: world.tenant,
  bundle: 'bot',
  name,
  folder: world.folder,
});

test('a follower killed at any point while it fetches a release serves only verified content after its restart, and never goes back to an older generation', async () => {
  await world.publish(filesWithSum(1));
  let highest = 0;
  let published = 1;
  for (let death = 0; death < 30; death++) {
    const following = startFollowing(options('bot'));
    await following.begun;
    const next = world.publish(filesWithSum(++published));
    // Each kill comes one request later than the one before. The first kill comes before any byte was fetched, and
    // the last one after the swap.
    const until = world.forwarder.asked.length + 1 + death;
    await eventually(
      async () => world.forwarder.asked.length >= until || following.served.at(-1)?.generation === published,
      {
        what: 'it is under way',
      },
    );
    await following.kill();
    await next;
    expect(following.served.length).toBeGreaterThan(0);
    for (const { generation, n, isWhole } of following.served) {
      expect([isWhole, n]).toEqual([true, generation]);
      expect(generation).toBeGreaterThanOrEqual(highest);
      highest = generation;
    }
  }
  world.forwarder.down();
  const offline = startFollowing(options('bot'));
  await offline.begun;
  expect(offline.served).toMatchObject([{ isWhole: true }]);
  expect(offline.served[0]?.generation).toBeGreaterThanOrEqual(highest);
  await offline.kill();
});

test('two follower processes that use one folder share the fetched content, and never move each other back to an older generation', async () => {
  await world.publish(filesWithSum(1));
  const first = startFollowing(options('one'));
  await first.begun;
  world.forwarder.asked.length = 0;
  const second = startFollowing(options('two'));
  await second.begun;
  expect(world.forwarder.asked.filter((line) => /\/(?:artifacts|blobs)\//.test(line))).toEqual([]);
  for (let n = 2; n <= 10; n++) await world.publish(filesWithSum(n));
  await eventually(async () => [first, second].every(({ served }) => served.at(-1)?.generation === 10), {
    what: 'both are there',
  });
  await Promise.all([first.kill(), second.kill()]);
  for (const { served } of [first, second]) {
    expect(served.every(({ isWhole, n, generation }) => isWhole && n === generation)).toBe(true);
    expect(served.map(({ generation }) => generation)).toEqual(
      served.map(({ n }) => n).toSorted((a, b) => a - b),
    );
  }
});
