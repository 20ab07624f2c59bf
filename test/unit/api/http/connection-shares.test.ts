import { createServer } from 'node:http';
import { Socket } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { shareConnections } from '../../../../services/api/http/connection-shares.ts';
import { socketLimits } from '../../../../services/api/limits.ts';
import { type ApiServer, listen } from '../../../../services/api/http/server.ts';
import { type AddressRange, parseAddressRange } from '../../../../services/outbound/address-ranges.ts';
import { eventually } from '../../../support/runs/eventually.ts';
import { openSocket } from '../../../support/runs/raw-http.ts';

// The limits for a capacity of 400 connections. One network may have half of three quarters of them, which is 150.
// One address may have half of three quarters of those, which is 56.

const CONNECTIONS = 400;
const ONE_NETWORK = 150;
const ONE_ADDRESS = 56;
const GREEDY = '127.0.0.1';
const NEIGHBOUR = '127.0.0.2';
const OTHER = '127.0.1.1';

let server: ApiServer | null = null;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.stop();
});

async function start(...proxies: string[]): Promise<void> {
  const ranges = proxies.map((range): AddressRange => parseAddressRange(range)!);
  server = await listen(() => new Response('ok'), {
    host: '127.0.0.1',
    port: 0,
    limits: { ...socketLimits, connections: CONNECTIONS },
    proxies: ranges.length === 0 ? undefined : ranges,
  });
}

/** Opens `count` connections from that address, and returns those on which a request is answered. */
async function open(count: number, localAddress: string): Promise<Socket[]> {
  const opened = await Promise.all(
    Array.from({ length: count }, () => openSocket(server?.url ?? '', { localAddress })),
  );
  sockets.push(...opened);
  const served = await Promise.all(opened.map(isServed));
  return opened.filter((_socket, at) => served[at]);
}

async function isServed(socket: Socket): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('data', () => resolve(true));
  socket.once('close', () => resolve(false));
  if (socket.destroyed) resolve(false);
  socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
  return promise;
}

test('a client address that opens as many connections as it can leaves room for other addresses, and can reuse the places of its closed connections', async () => {
  await start('192.0.2.0/24');
  const greedy = await open(200, GREEDY);
  expect(greedy).toHaveLength(ONE_ADDRESS);
  expect(await open(20, NEIGHBOUR)).toHaveLength(20);
  expect(await open(20, OTHER)).toHaveLength(20);

  for (const socket of greedy) socket.destroy();
  await eventually(async () => (await open(1, GREEDY)).length === 1, { what: 'a connection is free' });
});

test('any number of client addresses in one network leave room for connections from other networks', async () => {
  await start('192.0.2.0/24');
  let opened = 0;
  for (let host = 1; host <= 20; host++) opened += (await open(20, `127.0.0.${host}`)).length;
  expect(opened).toBe(ONE_NETWORK);
  expect(await open(20, OTHER)).toHaveLength(20);
});

test.each([
  ['2001:db8:1:', '2001:db8:2::1'],
  ['2002:c000:207:', '2002:c000:208::1'],
])(
  'any number of client addresses in the IPv6 network %s:/48 leave room for connections from other networks',
  (greedy, other) => {
    const { connect } = anyAddress();
    let opened = 0;
    for (let nth = 0; nth < 256; nth++)
      for (let times = 0; times < 20; times++) if (connect(`${greedy}${nth.toString(16)}::1`)) opened++;
    expect(opened).toBe(ONE_NETWORK);
    expect(connect(other)).toBe(true);
  },
);

/** Applies the limits to connections with any remote address, including addresses that this machine does not have. */
function anyAddress() {
  const detached = createServer();
  shareConnections(detached, { capacity: CONNECTIONS });
  const connect = (remoteAddress: string): boolean => {
    const socket = new Socket();
    Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
    detached.emit('connection', socket);
    return !socket.destroyed;
  };
  return { connect };
}

test.each([
  ['that the operator lists', ['127.0.0.1/32']],
  ['in a private network, when the operator lists none', []],
])('the limit of connections per address does not apply to a proxy %s', async (_which, proxies) => {
  await start(...proxies);
  expect(await open(200, GREEDY)).toHaveLength(200);
});

test('the connections of a proxy count towards the total limit, and another address can open all connections that are left', async () => {
  await start('127.0.0.1/32');
  expect(await open(CONNECTIONS - 10, GREEDY)).toHaveLength(CONNECTIONS - 10);
  expect(await open(10, OTHER)).toHaveLength(10);
});
