import { once } from 'node:events';
import type { Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { socketLimits } from '../../../../services/api/limits.ts';
import { type ApiServer, type EarlyResponder, listen } from '../../../../services/api/http/server.ts';
import { eventually } from '../../../support/runs/eventually.ts';
import { exchange, openSocket, responseOn } from '../../../support/runs/raw-http.ts';

// Tests the bytes that a client may send on one connection. The application behind the server records the requests
// that reach it.

const WITHIN = { withinMs: 10_000 };

let server: ApiServer;
let handled: string[];
/** Resolving it lets the handlers of `/slow` and `/begun` end. */
let go: PromiseWithResolvers<void>;
let early: EarlyResponder;
const sockets: Socket[] = [];

beforeEach(async () => {
  handled = [];
  go = Promise.withResolvers();
  early = () => null;
  const limits = { ...socketLimits, responseSilenceMs: 300 };
  server = await listen(answer, {
    host: '127.0.0.1',
    port: 0,
    limits,
    early: (incoming, outgoing) => early(incoming, outgoing),
  });
});
afterEach(async () => {
  go.resolve();
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.stop();
});

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  handled.push(`${request.method} ${pathname}`);
  if (pathname === '/slow') await go.promise;
  if (pathname === '/begun') return new Response(begun(), { headers: { 'content-length': '8' } });
  if (pathname === '/closing') return new Response('ok', { headers: { connection: 'close' } });
  if (request.method === 'PUT') return new Response(await request.text());
  return new Response('ok');
}

/** Sends four bytes at once, and four more after `go`. */
function begun(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from('1234'));
      await go.promise;
      controller.enqueue(Buffer.from('5678'));
      controller.close();
    },
  });
}

async function sent(bytes: string): Promise<Socket> {
  const socket = await openSocket(server.url);
  sockets.push(socket);
  socket.write(bytes);
  return socket;
}

const get = (path: string, ...headers: string[]): string =>
  `GET ${path} HTTP/1.1\r\nHost: test\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`;
const post = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n`;

describe('a pipelined request is not carried out when the server closes the connection after a response', () => {
  test.each([
    ['to an ambiguous head', get('/refused', 'Host: other'), 400],
    ['to an unknown expectation', get('/refused', 'Expect: x'), 417],
    ['of the application', get('/closing'), 200],
    ['to a request with Connection: close', get('/last', 'Connection: close'), 200],
    ['to HTTP/1.0', 'GET /old HTTP/1.0\r\nHost: test\r\n\r\n', 200],
  ])('%s', async (_what, first, status) => {
    const { status: got, headers, body } = await exchange(server.url, first + post('/smuggled'));
    expect([got, headers.get('connection')]).toEqual([status, 'close']);
    expect(body).not.toContain('HTTP/1.1');
    expect(handled).not.toContain('POST /smuggled');
  });

  test('that is still being sent when the pipelined request arrives', async () => {
    early = (incoming, outgoing) => {
      if (incoming.url !== '/large') return null;
      outgoing.writeHead(200, { connection: 'close' }).end(Buffer.alloc(32 * 1024 * 1024));
      return Promise.resolve(true);
    };
    const socket = await sent(get('/large'));
    socket.pause();
    socket.write(post('/smuggled'));
    await once(socket.resume(), 'close');
    expect(handled).toEqual([]);
  });
});

describe('bytes that are not HTTP', () => {
  const GARBAGE = '\x01\x02garbage\r\n\r\n';

  test('get a 400 response when no other response is pending', async () => {
    const { status, body } = await exchange(server.url, GARBAGE);
    expect([status, body]).toEqual([400, expect.stringContaining('"code":"malformed"')]);
  });

  test('inside a request body cause a 400 response to that request', async () => {
    const socket = await sent(
      'PUT /body HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n',
    );
    expect((await responseOn(socket)).status).toBe(400);
  });

  test('close the connection without a response when they follow a request that has no response yet', async () => {
    const socket = await sent(get('/slow'));
    await eventually(async () => handled.includes('GET /slow'), { what: 'it is handled', ...WITHIN });
    socket.write(GARBAGE);
    expect((await responseOn(socket)).status).toBeNaN();
  });

  test('close the connection when they follow a partly sent response, and nothing is added to that response', async () => {
    const socket = await sent(get('/begun'));
    await once(socket, 'readable');
    socket.write(GARBAGE);
    const { status, body } = await responseOn(socket);
    expect([status, body]).toEqual([200, '1234']);
  });
});

test('a response that bypasses the router is abandoned, and its connection is closed, when the client does not read it', async () => {
  const ended = Promise.withResolvers<string>();
  early = (_incoming, outgoing) => {
    outgoing.once('close', () => ended.resolve(outgoing.writableFinished ? 'taken' : 'given up'));
    outgoing.writeHead(200).end(Buffer.alloc(32 * 1024 * 1024));
    return Promise.resolve(true);
  };
  const socket = await sent(get('/early'));
  socket.pause();
  expect(await ended.promise).toBe('given up');
}, 10_000);

test('the response to an Upgrade request closes the connection, because later requests in the same packet would get no response', async () => {
  const upgrade = get('/upgrade', 'Connection: Upgrade', 'Upgrade: websocket');
  const { status, headers, body } = await exchange(server.url, upgrade + get('/behind'));
  expect([status, headers.get('connection'), body]).toEqual([200, 'close', 'ok']);
  expect(handled).toEqual(['GET /upgrade']);
});

test('a CONNECT request that arrives behind another request gets 400, after the response to that other request', async () => {
  const socket = await sent(`POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi`);
  await eventually(async () => handled.includes('POST /slow'), { what: 'it is handled', ...WITHIN });
  socket.write(`CONNECT other:1 HTTP/1.1\r\nHost: test\r\n\r\n${post('/smuggled')}`);
  // The test can't observe when the server reads these bytes. A later exchange on a second connection ensures that
  // the server has read them.
  await exchange(server.url, get('/other', 'Connection: close'));
  go.resolve();
  const { status, headers, body } = await responseOn(socket);
  expect([status, headers.get('connection'), body.match(/HTTP\/1\.1 \d+/g)]).toEqual([
    200,
    'keep-alive',
    ['HTTP/1.1 400'],
  ]);
  expect(handled).toEqual(['POST /slow', 'GET /other']);
});

test('a client that closes its sending side before the response counts as disconnected: its request is handled, but it gets no response', async () => {
  const socket = await sent(get('/slow'));
  await eventually(async () => handled.includes('GET /slow'), { what: 'it is handled', ...WITHIN });
  const response = responseOn(socket);
  socket.end();
  expect((await response).status).toBeNaN();
});

describe('a request with an Expect header', () => {
  test('gets a 100 response in its turn when it expects 100-continue, and its body is read', async () => {
    const socket = await sent(get('/first'));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    await once(socket, 'data');
    socket.write(
      'PUT /body HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n',
    );
    await eventually(async () => text.includes('HTTP/1.1 100 Continue\r\n\r\n'), { what: '100', ...WITHIN });
    socket.write('body');
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1\.1 200 [^]*ok[^]*HTTP\/1\.1 100 [^]*HTTP\/1\.1 200 [^]*body/);
  });

  test('gets no 100 response when it expects 100-continue but its head is invalid', async () => {
    const { status } = await exchange(server.url, get('/refused', 'Host: other', 'Expect: 100-continue'));
    expect([status, handled]).toEqual([400, []]);
  });

  test('gets a 417 problem after the responses before it when it expects anything else, and the connection is closed', async () => {
    const { body } = await exchange(server.url, get('/first') + get('/unknown', 'Expect: x').repeat(10));
    expect(body.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 417']);
    expect(body).toContain('"status":417');
    expect(handled).toEqual(['GET /first']);
  });
});
