import type { Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { socketLimits } from '../../../services/api/limits.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { openSocket, responseOn } from '../../support/runs/raw-http.ts';
import { newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';
import { madeToken } from '../../support/data/tokens.ts';

// Tests clients that send many requests in one packet and do not read the responses. One client has no token, and
// another has the token of a viewer.

const { pipelined } = socketLimits;

let store: Store;
let api: TestApi;
beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
});
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await eventually(async () => (await held()) === 0, { what: 'nothing is held any more' });
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

async function gauge(name: string): Promise<number> {
  const { text } = await api.call('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

/** The bytes of responses that the API holds. The response that contains this metric is not included. */
const held = (): Promise<number> => gauge('pointsman_response_bytes_held');

/** The number of requests to that route to which the API has responded. */
async function answeredOf(route: string): Promise<number> {
  const { text } = await api.call('GET', '/metrics');
  const lines = text.matchAll(/^pointsman_http_requests_total\{[^}]*route="([^"]*)"[^}]*\} (\d+)$/gm);
  return [...lines].filter(([, own]) => own === route).reduce((sum, [, , count]) => sum + Number(count), 0);
}

/** Sends the request many times in one write, and does not read the responses. */
async function flood(path: string, times: number, headers = ''): Promise<Socket> {
  const socket = await openSocket(api.url);
  sockets.push(socket);
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: t\r\n${headers}\r\n`.repeat(times));
  return socket;
}

/** The status and the Connection header of each response, in order. */
async function responses(socket: Socket): Promise<string[]> {
  const { status, headers, body } = await responseOn(socket);
  const rest = [...body.matchAll(/HTTP\/1\.1 (\d+) [^]*?\r\nconnection: ([\w-]+)\r\n/gi)];
  return [`${status} ${headers.get('connection')}`, ...rest.map(([, code, how]) => `${code} ${how}`)];
}

test('pipelined requests within the limit get responses in order, and the response at the limit closes the connection', async () => {
  const few = await openSocket(api.url);
  few.write('GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n'.repeat(pipelined - 2));
  few.write('GET /nothing HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n');
  const alive = Array.from({ length: pipelined - 2 }, () => '200 keep-alive');
  expect(await responses(few)).toEqual([...alive, '404 close']);

  const many = await openSocket(api.url);
  many.write('GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n'.repeat(pipelined + 10));
  expect(await responses(many)).toEqual([...alive, '200 keep-alive', '200 close']);
});

test('a client that waits for each response keeps its connection for any number of requests', async () => {
  const socket = await openSocket(api.url);
  sockets.push(socket);
  let seen = 0;
  socket.on('data', (chunk: Buffer) => (seen += chunk.toString('latin1').split('HTTP/1.1 200').length - 1));
  for (let nth = 1; nth <= 5 * pipelined; nth++) {
    socket.write('GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n');
    await eventually(async () => seen === nth, { what: `response ${nth}` });
  }
  expect(socket.closed).toBe(false);
});

test('of thousands of requests in one packet without a token, the API handles at most the pipelining limit and closes the connection', async () => {
  const before = await answeredOf('/openapi.json');
  const socket = await flood('/openapi.json', 1_400);
  socket.resume();
  await eventually(async () => socket.closed, { what: 'the connection was ended' });
  expect((await answeredOf('/openapi.json')) - before).toBeLessThanOrEqual(pipelined);
});

test('a request with an unsupported Expect header gets 417, which closes the connection, even among thousands of requests', async () => {
  const few = await openSocket(api.url);
  few.write('GET /healthz HTTP/1.1\r\nHost: t\r\nExpect: x\r\n\r\n'.repeat(pipelined));
  expect(await responses(few)).toEqual(['417 close']);

  const many = await flood('/healthz', 1_400, 'Expect: x\r\n');
  many.resume();
  await eventually(async () => many.closed, { what: 'the connection was ended' });
});

test('the API holds only one response for a connection that the client does not read, for any sender and any number of pipelined requests', async () => {
  const tenant = await newTenant(store);
  const { token } = await madeToken(api, { name: 'viewer', tenant, roles: ['viewer'] });
  await published(store, { tenant, bundle: 'bundle', version: 1 });
  const waits = `/v1/tenants/${tenant}/bundles/bundle/channels/live?wait=50s`;
  const [before, read] = [await answeredOf('/openapi.json'), await answeredOf('/v1/tenants/{tenant}')];
  for (let nth = 0; nth < 20; nth++) {
    const socket = await openSocket(api.url);
    sockets.push(socket);
    const headers = `Host: t\r\nAuthorization: Bearer ${token}\r\n`;
    // The first request is a long-poll. Responses are sent in the order of requests, so none of the later ones can be
    // sent.
    const first = `GET ${waits} HTTP/1.1\r\n${headers}If-None-Match: "1"\r\n\r\n`;
    const behind = `GET /openapi.json HTTP/1.1\r\n${headers}\r\n`.repeat(7);
    const small = `GET /v1/tenants/${tenant} HTTP/1.1\r\n${headers}\r\n`.repeat(8);
    socket.write(first + behind + small);
  }
  await eventually(async () => (await gauge('pointsman_waiting_readers')) === 20, {
    what: 'all of them wait',
  });
  expect(await held()).toBe(0);
  expect(await answeredOf('/openapi.json')).toBe(before);
  expect(await answeredOf('/v1/tenants/{tenant}')).toBe(read);
});
