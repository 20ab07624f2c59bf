import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import {
  type Connection,
  connectionOf,
  networkOf,
  sourceOf,
} from '../../../../services/api/http/connection.ts';
import { eventually } from '../../../support/runs/eventually.ts';

test.each([
  ['192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['::ffff:192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8::6', '2001:db8:0:0::/64', '2001:db8:0::/48'],
  ['2002:c000:207::1', '2002:c000:207:0::/64', '2002:c000:207::/48'],
  ['::1', '0:0:0:0::/64', '0:0:0::/48'],
  ['fe80::1:2:3:4%eth0', 'fe80:0:0:0::/64', 'fe80:0:0::/48'],
  ['gone', 'gone', 'gone'],
])(
  'a connection from %s counts as coming from the address %s in the network %s',
  (address, source, network) => {
    expect([sourceOf(address), networkOf(address)]).toEqual([source, network]);
  },
);

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
});

/** Sends two pipelined requests to which the server does not respond. `close` ends their connection. */
async function twoPipelined() {
  const connections: Connection[] = [];
  const outgoing: { end(): void }[] = [];
  const listening = createServer((incoming, response) => {
    connections.push(connectionOf(incoming, response));
    outgoing.push(response);
  });
  server = listening;
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const socket = connect((listening.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(2));
  await eventually(async () => connections.length === 2, { what: 'both requests were taken' });
  return { connections, outgoing, close: () => socket.destroy() };
}

test('the callback for a sent response is called once, and not for another request on the same connection', async () => {
  const { connections, outgoing, close } = await twoPipelined();
  const ends = [0, 0];
  for (const [nth, { onceSent }] of connections.entries()) onceSent(() => (ends[nth] = (ends[nth] ?? 0) + 1));
  outgoing[0]?.end();
  await eventually(async () => ends[0] === 1, { what: 'the first was sent' });
  expect(ends).toEqual([1, 0]);
  close();
  await eventually(async () => ends[1] === 1, { what: 'the second was aborted' });
  expect(ends).toEqual([1, 1]);
});

test('closing a connection aborts the signal of each of its requests, and a callback that is added later is called immediately', async () => {
  const { connections, close } = await twoPipelined();
  const ended = connections.map(({ signal }) => signal);
  close();
  await eventually(async () => ended.every(({ aborted }) => aborted), { what: 'both are over' });
  const late: string[] = [];
  connections[0]?.onceSent(() => late.push('called at once'));
  expect(late).toEqual(['called at once']);
});
