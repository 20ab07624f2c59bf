import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { listen } from '../../../services/api/http/server.ts';
import { socketLimits } from '../../../services/api/limits.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { parsePrometheusText } from '../../support/runs/prometheus-text.ts';
import { standstill } from '../../support/servers/standstill.ts';

// This file is not part of the replay run, because it tests a process. api-publish.test.ts runs the same handlers
// with Restate replaying.

const TOKEN = 'the-token-of-this-process';
const main = fileURLToPath(new URL('../../../services/api/main.ts', import.meta.url));

let plane: ControlPlane;
let live: string;

beforeAll(async () => {
  plane = await startControlPlane({ workerEnv: async () => ({ POINTSMAN_LOG_LEVEL: 'debug' }) });
  const tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant));
  live = `/v1/tenants/${tenant}/bundles/bundle/channels/live`;
});
afterAll(async () => {
  await plane.stop();
});

interface ApiProcess {
  readonly child: ChildProcess;
  readonly url: string;
  output(): string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

async function startProcess(): Promise<ApiProcess> {
  const child = fork(main, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      DATABASE_URL: plane.postgres.appUrl,
      RESTATE_INGRESS_URL: plane.restate.ingressUrl,
      RESTATE_ADMIN_URL: plane.restate.adminUrl,
      POINTSMAN_ADMIN_TOKEN: TOKEN,
      POINTSMAN_PORT: '0',
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [message] = (await once(child, 'message')) as unknown[];
  const { url } = z.object({ ready: z.literal(true), url: z.string() }).parse(message);
  return {
    child,
    url,
    output: () => output,
    get: (path, headers = {}) =>
      fetch(url + path, { headers: { authorization: `Bearer ${TOKEN}`, ...headers } }),
  };
}

async function someoneWaits(api: ApiProcess): Promise<void> {
  const waits = async (): Promise<boolean> =>
    (await (await api.get('/metrics')).text()).includes('\npointsman_waiting_readers 1\n');
  await eventually(waits, { what: 'a reader waits' });
}

test('on SIGTERM the API responds to its waiting requests and exits with 0, and its log does not contain the token', async () => {
  const api = await startProcess();
  const waiting = api.get(`${live}?wait=55s`, { 'if-none-match': '"1"' });
  await someoneWaits(api);
  // Unlike `exit`, the event `close` comes after all output of the process has been read.
  const gone = once(api.child, 'close');
  api.child.kill('SIGTERM');
  const answer = await waiting;
  expect([answer.status, answer.headers.get('connection')]).toEqual([304, 'close']);
  expect(await gone).toEqual([0, null]);
  expect(api.output()).toContain('"msg":"answered"');
  expect(api.output()).not.toContain(TOKEN);
});

test('the correlation id of a publish is in the response headers, in the log of the API, and in every log line of the worker about it', async () => {
  const api = await startProcess();
  const tenant = await newTenant(plane);
  const bundle = `/v1/tenants/${tenant}/bundles/bundle`;
  const send = (method: string, path: string, body: object): Promise<Response> =>
    fetch(api.url + bundle + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const id = `${tenant}:bundle:v1`;
  const published = await send('POST', '/releases', { files: { 'a.json': '{"a":1}' } });
  expect([published.status, published.headers.get('pointsman-correlation-id')]).toEqual([202, id]);
  await settled(plane, tenant, 1);
  const moved = await send('PUT', '/channels/canary', { version: 1, createChannel: true });
  expect([moved.status, moved.headers.get('pointsman-correlation-id')]).toEqual([200, id]);

  const inApi = await eventually(async () => twoOrMore(linesAbout(id, api.output())), {
    what: 'both lines of the API',
  });
  expect(inApi.map(({ method, status }) => [method, status])).toEqual([
    ['POST', 202],
    ['PUT', 200],
  ]);
  const said = await eventually(
    async () => {
      const lines = linesAbout(id, await plane.worker.log());
      return lines.some(({ msg }) => msg === 'settled') && lines.some(({ msg }) => msg === 'moved by hand')
        ? lines
        : null;
    },
    { what: 'the worker has logged the outcome of the release and the move by hand' },
  );
  expect(said).toContainEqual(expect.objectContaining({ key: `${tenant}/bundle/v1` }));
  expect(said).toContainEqual(
    expect.objectContaining({ msg: 'moved by hand', channel: 'canary', generation: 1 }),
  );
  // The workflow logs its outcome once, even if it is replayed.
  const outcomes = said.filter(({ msg }) => msg === 'settled').map(({ outcome }) => outcome);
  expect(outcomes).toEqual(['published']);
  api.child.disconnect();
});

function twoOrMore<T>(those: T[]): T[] | null {
  return those.length >= 2 ? those : null;
}

/** The lines of a log with that correlation id. */
function linesAbout(correlationId: string, log: string): Record<string, unknown>[] {
  const lines = log.split('\n').filter((line) => line.startsWith('{'));
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['correlationId'] === correlationId);
}

test('the API process ends when its parent process is gone', async () => {
  const api = await startProcess();
  const gone = once(api.child, 'exit');
  api.child.disconnect();
  expect(await gone).toEqual([0, null]);
});

test('a client that sends its headers very slowly is disconnected, and does not delay other clients', async () => {
  const limits = { ...socketLimits, headersTimeoutMs: 2_000, requestTimeoutMs: 4_000, checkMs: 50 };
  const server = await listen(() => new Response('served'), { host: '127.0.0.1', port: 0, limits });
  try {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('GET / HTTP/1.1\r\n');
    const drip = setInterval(() => socket.writable && socket.write('X-A: b\r\n'), 100);
    expect(await (await fetch(server.url)).text()).toBe('served');
    await closed;
    clearInterval(drip);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  } finally {
    await server.stop();
  }
});

test('/metrics contains the number of releases in flight, the number of queued releases, and the length of the compile queue', async () => {
  const api = await startProcess();
  const tenant = await newTenant(plane);
  const still = standstill(plane);
  await settled(plane, tenant, await accepted(plane, tenant));
  const [second, third] = await still.whilePointerLocked(tenant, async () => {
    const asked = { onConflict: 'queue' } as const;
    const versions = [await accepted(plane, tenant, asked), await accepted(plane, tenant, asked)] as const;
    const counted = async (): Promise<boolean> => {
      const answer = await api.get('/metrics');
      expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
      const text = await answer.text();
      parsePrometheusText(text);
      return (
        text.includes('\npointsman_releases_in_flight 1\n') &&
        text.includes('\npointsman_releases_in_line 1\n') &&
        text.includes('\npointsman_compile_queue 0\n')
      );
    };
    await eventually(counted, { what: 'one in flight and one in line' });
    return versions;
  });
  await settled(plane, tenant, second);
  await settled(plane, tenant, third);
  api.child.disconnect();
});
