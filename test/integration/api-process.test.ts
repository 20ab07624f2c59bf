import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { listen } from '../../services/api/server.ts';
import { socketLimits } from '../../services/api/limits.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';

const TOKEN = 'the-token-of-this-process';
const main = fileURLToPath(new URL('../../services/api/main.ts', import.meta.url));

let plane: ControlPlane;
let live: string;

beforeAll(async () => {
  plane = await startControlPlane();
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

test('on SIGTERM whoever waits is answered, the process ends by itself, and its token was never logged', async () => {
  const api = await startProcess();
  const waiting = api.get(`${live}?wait=55s`, { 'if-none-match': '"1"' });
  await someoneWaits(api);
  // With all that it has said: that may still be on its way when the process has ended.
  const gone = once(api.child, 'close');
  api.child.kill('SIGTERM');
  const answer = await waiting;
  expect([answer.status, answer.headers.get('connection')]).toEqual([304, 'close']);
  expect(await gone).toEqual([0, null]);
  expect(api.output()).toContain('"msg":"answered"');
  expect(api.output()).not.toContain(TOKEN);
});

test('the process ends when whoever started it is gone', async () => {
  const api = await startProcess();
  const gone = once(api.child, 'exit');
  api.child.disconnect();
  expect(await gone).toEqual([0, null]);
});

test('a client that sends its headers a byte at a time is cut off, and others are served meanwhile', async () => {
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
