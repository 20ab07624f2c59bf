import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';

import { eventually } from '../../support/runs/eventually.ts';
import { nothingRuns } from '../../support/processes/processes.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const TOKEN = 'an-admin-token-of-the-tests';

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pointsman killed publishing ')));
});
afterEach(async () => {
  await nothingRuns(folder);
  await rm(folder, { recursive: true, force: true });
});

/** Runs `npm start` as a separate process with the real servers, worker and API. */
async function start(): Promise<{ url: string; end: (signal: NodeJS.Signals) => Promise<void> }> {
  const home = join(folder, 'home');
  await rm(join(home, 'api-url'), { force: true });
  const child = spawn(process.execPath, [join(root, 'packages/dev/stack/main.ts')], {
    cwd: folder,
    stdio: 'ignore',
    env: {
      ...process.env,
      POINTSMAN_PORT: '0',
      POINTSMAN_HOME: home,
      POINTSMAN_ADMIN_TOKEN: TOKEN,
    },
  });
  const ended = once(child, 'exit');
  const url = await eventually(
    async () => {
      const known = (await readFile(join(home, 'api-url'), 'utf8')).trim();
      return (await fetch(`${known}/readyz`)).ok ? known : null;
    },
    { what: 'the stack is ready', withinMs: 120_000 },
  );
  return {
    url,
    async end(signal) {
      child.kill(signal);
      await ended;
    },
  };
}

const Release = z.object({ version: z.number(), status: z.string(), outcome: z.string().nullable() });
const Moves = z.object({ items: z.array(z.object({ to: z.object({ version: z.number() }) })) });

async function call(
  url: string,
  method: string,
  path: string,
  body?: object,
  key?: string,
): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

test('a stack that is killed with SIGKILL during publishes loses nothing: after the restart each accepted release settles, and its pointer moves once', async () => {
  const bundles = Array.from({ length: 12 }, (_none, index) => `bundle-${index}`);
  const path = (bundle: string) => `/v1/tenants/acme/bundles/${bundle}`;
  const publish = (url: string, bundle: string) =>
    call(
      url,
      'POST',
      `${path(bundle)}/releases`,
      { files: { 'a.json': `{"name":"${bundle}"}` } },
      `key-${bundle}`,
    );

  const first = await start();
  await call(first.url, 'POST', '/v1/tenants', { tenant: 'acme' });
  const answers = bundles.map((bundle) =>
    publish(first.url, bundle).then(
      (answer) => Release.parse(answer).version,
      // The kill interrupted this request. The client does not know the result, so it sends the request again.
      () => null,
    ),
  );
  // When one publish is accepted, some releases are in flight, and the state of the other publishes is unknown.
  await Promise.any(answers);
  await first.end('SIGKILL');
  const accepted = await Promise.all(answers);

  const second = await start();
  try {
    for (const [index, bundle] of bundles.entries()) {
      const version = accepted[index] ?? Release.parse(await publish(second.url, bundle)).version;
      expect(version).toBe(1);
      const settled = await eventually(
        async () => {
          const release = Release.parse(await call(second.url, 'GET', `${path(bundle)}/releases/1`));
          return release.status === 'settled' ? release : null;
        },
        { what: `${bundle} settled`, withinMs: 120_000 },
      );
      expect(settled.outcome).toBe('published');
      const moves = Moves.parse(await call(second.url, 'GET', `${path(bundle)}/channels/live/moves`));
      expect(moves.items.map(({ to }) => to.version)).toEqual([1]);
    }
  } finally {
    await second.end('SIGTERM');
  }
});
