import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type ApiServer, listen } from '../../../../services/api/http/server.ts';
import { socketLimits } from '../../../../services/api/limits.ts';
import { eventually } from '../../../support/runs/eventually.ts';
import { exchange, openSocket, responseOn } from '../../../support/runs/raw-http.ts';

// Tests how much memory the server uses for pipelined requests that wait behind another request on their connection.

const { pipelined, pipelinedPast } = socketLimits;
const WITHIN = { withinMs: 20_000 };
const KiB = 1024;

let server: ApiServer;
let handled: string[];
/** Every request that the parser has read. */
let seen: IncomingMessage[];
/** Resolving it lets the handlers of `/slow` and `/begun` end. */
let go: PromiseWithResolvers<void>;
const sockets: Socket[] = [];

function note(message: unknown): void {
  if (typeof message !== 'object' || message === null || !('request' in message)) return;
  if (message.request instanceof IncomingMessage) seen.push(message.request);
}

beforeEach(async () => {
  [handled, seen, go] = [[], [], Promise.withResolvers()];
  server = await listen(answer, { host: '127.0.0.1', port: 0 });
  subscribe('http.server.request.start', note);
});
afterEach(async () => {
  unsubscribe('http.server.request.start', note);
  go.resolve();
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.stop();
});

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  handled.push(`${request.method} ${pathname}`);
  if (pathname === '/slow') await go.promise;
  if (pathname === '/large') return new Response(Buffer.alloc(32 * KiB * KiB));
  if (pathname === '/begun') return new Response(inTwoParts(), { headers: { 'content-length': '8' } });
  if (request.method === 'PUT') return new Response(await request.text());
  return new Response('ok');
}

/** Sends four bytes at once, and four more after `go`. */
function inTwoParts(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from('1234'));
      await go.promise;
      controller.enqueue(Buffer.from('5678'));
      controller.close();
    },
  });
}

async function sent(...parts: (string | Uint8Array)[]): Promise<Socket> {
  const socket = await openSocket(server.url);
  sockets.push(socket);
  for (const part of parts) socket.write(part);
  return socket;
}

const get = (path: string, header = 'X: x'): string =>
  `GET ${path} HTTP/1.1\r\nHost: test\r\n${header}\r\n\r\n`;
const put = (path: string, body: string): string =>
  `PUT ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const LARGE_HEADER = `X: ${'x'.repeat(14 * KiB)}`;

/** The bytes of request bodies that the server holds in memory. */
const heldBytes = (): number => seen.reduce((sum, { readableLength }) => sum + readableLength, 0);
const areRead = async (count: number): Promise<void> => {
  const what = `${count} requests were read`;
  await eventually(async () => seen.length === count && seen.every(({ complete }) => complete), {
    what,
    ...WITHIN,
  });
};

describe('in the memory of the API,', () => {
  const BODY = 'x'.repeat(65_000);

  test('250 connections that pipeline the maximum number of requests behind a waiting request hold less than 2 MiB of bodies', async () => {
    // The same buffer is sent on every connection, so that the test itself needs little memory.
    const flood = Buffer.from(get('/slow') + put('/behind', BODY).repeat(pipelinedPast));
    for (let nth = 0; nth < 250; nth++) await sent(flood);
    await areRead(250 * (1 + pipelinedPast));
    expect(heldBytes()).toBeLessThan(2 * KiB * KiB);
    expect(new Set(handled)).toEqual(new Set(['GET /slow']));
  }, 60_000);

  test('the body of a waiting GET request is not kept', async () => {
    await sent(`GET /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 65000\r\n\r\n${BODY}`);
    await areRead(1);
    await eventually(async () => heldBytes() === 0, { what: 'nothing is held', ...WITHIN });
  });

  test('a request body that the response does not need is not kept, even while the client does not read that response', async () => {
    const socket = await sent(`POST /large HTTP/1.1\r\nHost: test\r\nContent-Length: 65000\r\n\r\n${BODY}`);
    socket.pause();
    await areRead(1);
    await eventually(async () => heldBytes() === 0, { what: 'nothing is held', ...WITHIN });
  });
});

describe('a pipelined request with a body', () => {
  test.each([
    ['that has a Content-Length', put('/behind', 'body')],
    [
      'that is sent in chunks',
      'PUT /behind HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
    ],
    [
      'that waits for 100 Continue',
      'PUT /behind HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody',
    ],
  ])('%s is not carried out, and the response before it closes the connection', async (_which, behind) => {
    const { status, headers, body } = await exchange(server.url, get('/first') + behind + get('/last'));
    expect([status, headers.get('connection'), body]).toEqual([200, 'close', 'ok']);
    expect(handled).toEqual(['GET /first']);
  });

  test('closes the connection after the response to the request before it, even when the headers of that response were already sent', async () => {
    const socket = await sent(get('/begun'));
    await once(socket, 'readable');
    socket.write(put('/behind', 'body'));
    await areRead(2);
    go.resolve();
    const { status, body } = await responseOn(socket);
    expect([status, body, handled]).toEqual([200, '12345678', ['GET /begun']]);
  });

  test('never comes from a client that waits for each response, so the connection of that client stays open', async () => {
    go.resolve();
    const socket = await sent();
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    for (let nth = 1; nth <= 200; nth++) {
      text = '';
      socket.write(get('/begun'));
      while (!text.endsWith('12345678')) await once(socket, 'data');
      text = '';
      socket.write(put('/next', `body ${nth}`));
      while (!text.endsWith(`body ${nth}`)) await once(socket, 'data');
    }
    expect(handled).toHaveLength(400);
  });
});

describe('the headers of pipelined requests that wait', () => {
  test('have a total size limit, and the response to the last request within it closes the connection', async () => {
    const socket = await sent(get('/slow', LARGE_HEADER) + get('/within', LARGE_HEADER));
    socket.write(get('/past', LARGE_HEADER));
    await areRead(3);
    go.resolve();
    const { headers, body } = await responseOn(socket);
    expect([
      headers.get('connection'),
      body.match(/connection: .*/gi)?.map((one) => one.toLowerCase()),
    ]).toEqual(['keep-alive', ['connection: close']]);
    expect(handled).toEqual(['GET /slow', 'GET /within']);
  });

  test('close the connection without another response when they exceed that limit by a further margin', async () => {
    const socket = await sent(get('/slow') + get('/within', LARGE_HEADER));
    socket.write(get('/past', LARGE_HEADER).repeat(2));
    expect((await responseOn(socket)).status).toBeNaN();
    expect(handled).toEqual(['GET /slow']);
  });
});

test('a client that pipelines requests above the limit gets responses up to the limit, and is disconnected above a second limit', async () => {
  const all = get('/first').repeat(pipelined);
  const { body } = await exchange(server.url, all + get('/past').repeat(pipelinedPast));
  expect(body.match(/HTTP\/1\.1 200/g)).toHaveLength(pipelined - 1);
  const cut = await exchange(server.url, get('/slow') + all + get('/past').repeat(pipelinedPast));
  expect(cut.status).toBeNaN();
});
