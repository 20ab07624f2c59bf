import { connect } from 'node:net';

import type { Random } from '../support/seeded-random.ts';
import { pick } from './random.ts';

const HEAD = 'GET /v1/me HTTP/1.1\r\nHost: a\r\n';

/** Bytes that no HTTP client sends. */
const RAW: Readonly<Record<string, string>> = {
  'no request line': '\r\n\r\n\r\n',
  'another protocol': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'HTTP/2 in the clear': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'an unknown method': 'BREW /v1/me HTTP/1.1\r\nHost: a\r\n\r\n',
  'no host': 'GET /healthz HTTP/1.1\r\n\r\n',
  'a host of garbage': 'GET /healthz HTTP/1.1\r\nHost: a b\\c\r\n\r\n',
  'two hosts': 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'two authorizations': `${HEAD}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n`,
  'a NUL in a header': `${HEAD}X: a\0b\r\n\r\n`,
  'a bare line feed': 'GET /healthz HTTP/1.1\nHost: a\n\n',
  'a folded header': `${HEAD}X: a\r\n b\r\n\r\n`,
  'headers past the bound': `${HEAD}X: ${'a'.repeat(20_000)}\r\n\r\n`,
  'two lengths': `POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc`,
  'a length and chunks': `POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n`,
  'chunks of garbage': `POST /v1/tenants HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n`,
  'a negative length': `POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n`,
  'an absolute address': 'GET http://evil.example/v1/me HTTP/1.1\r\nHost: a\r\n\r\n',
  'an address of garbage': 'GET /v1/%zz/../..//\\x HTTP/1.1\r\nHost: a\r\n\r\n',
  'an upgrade': `${HEAD}Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`,
  'an expectation': `POST /v1/tenants HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 0\r\n\r\n`,
  'many requests at once': 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50),
  'a body that is cut': `POST /v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc`,
};

export interface RawAnswer {
  readonly kind: string;
  /** All that came back. */
  readonly text: string;
}

/** Sends one of them, closes its own side, and gives what comes back until the other side closes too. */
export async function sendRaw(url: string, random: Random, signal: AbortSignal): Promise<RawAnswer> {
  const kind = pick(random, Object.keys(RAW));
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  let text = '';
  const socket = connect(Number(port), hostname, () => socket.end(Buffer.from(RAW[kind] ?? '', 'latin1')));
  const give = (): void => resolve({ kind, text });
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (text += chunk));
  // A reset is an answer too.
  socket.on('error', give);
  socket.on('close', give);
  signal.addEventListener('abort', () => {
    socket.destroy();
    reject(new Error(`no end within the time for "${kind}"`));
  });
  return promise;
}

/** The status of each answer in the bytes of a connection. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
}
