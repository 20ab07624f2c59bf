import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, expect, test } from 'vitest';

import { eventually } from '../../support/runs/eventually.ts';
import { followedWorld } from '../../support/worlds/followed-world.ts';
import { filesWithSum } from '../../support/data/followers.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';

const world = followedWorld();
const root = fileURLToPath(new URL('../../../', import.meta.url));
let example: ChildProcess | null = null;
afterEach(async () => {
  if (example === null || example.exitCode !== null) return;
  const gone = once(example, 'exit');
  example.kill('SIGTERM');
  await gone;
});

/** Starts the example as its README does, and returns its URL. */
async function startExample(): Promise<string> {
  const child = spawn(
    process.execPath,
    ['examples/follower/server.ts', world.forwarder.url, world.tenant, 'bot'],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, POINTSMAN_TOKEN: world.token, FOLLOWER_FOLDER: join(world.folder, 'kept') },
    },
  );
  example = child;
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  return eventually(async () => /serving on (\S+)/.exec(printed)?.[1], { what: 'the example serves' });
}

const generationOf = (answer: Response): number => Number(answer.headers.get('pointsman-generation'));

test('the example server serves one generation at a time while releases are published, and a session keeps its generation', async () => {
  await world.publish(filesWithSum(1));
  const url = await startExample();
  const session = await (await fetch(`${url}/sessions`, { method: 'POST' })).text();
  let isOver = false;
  const connection = async (): Promise<number[]> => {
    const seen: number[] = [];
    while (!isOver) {
      const answer = await fetch(`${url}/all`);
      const files = (await answer.json()) as Record<string, string>;
      const { 'sum.txt': sum, ...others } = files;
      expect(digestOf(Object.values(others).join(''))).toBe(sum);
      expect(JSON.parse(files['a.json'] ?? '')).toEqual({ n: generationOf(answer) });
      seen.push(generationOf(answer));
    }
    return seen;
  };
  const connections = Array.from({ length: 4 }, connection);
  for (let n = 2; n <= 8; n++) await world.publish(filesWithSum(n));
  await eventually(async () => generationOf(await fetch(`${url}/a.json`)) === 8, {
    what: 'the last one is served',
  });
  isOver = true;
  for (const seen of await Promise.all(connections)) {
    expect(seen.length).toBeGreaterThan(1);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  }
  const pinned = await fetch(`${url}/a.json`, { headers: { session } });
  expect([generationOf(pinned), await pinned.json()]).toEqual([1, { n: 1 }]);
  world.forwarder.down();
  expect((await fetch(`${url}/none`)).status).toBe(404);
  expect(await (await fetch(`${url}/a.json`)).json()).toEqual({ n: 8 });
});
