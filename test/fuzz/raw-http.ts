import { connect } from 'node:net';

import type { Random } from '../support/data/seeded-random.ts';
import { pick, times } from './random.ts';
import type { Sender } from './tenants.ts';
import type { FuzzWorld } from './world.ts';

const HEAD = 'GET /v1/me HTTP/1.1\r\nHost: a\r\n';

/** Requests that an HTTP client would never send, byte by byte. */
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

/** The bytes that are written to one connection. */
export interface RawRequest {
  readonly kind: string;
  /** The owner of the token in the request, if it contains one. */
  readonly sender: Sender;
  /** Each character is one byte. */
  readonly text: string;
}

/** Chooses one of the fixed requests, composes new requests, or changes some bytes of either. */
export function rawRequest(world: FuzzWorld, random: Random): RawRequest {
  const nobody = world.senders.find(({ authorization }) => authorization === null)!;
  const viewer = world.acme.senders.find(({ role }) => role === 'viewer')!;
  const chosen = random();
  if (chosen < 0.2) {
    const kind = pick(random, Object.keys(RAW));
    return { kind, sender: nobody, text: RAW[kind]! };
  }
  const sender = pick(random, [nobody, viewer]);
  const composed = times(1 + Math.floor(random() * 3), () => composedRequest(world, random, sender)).join('');
  if (chosen < 0.6) return { kind: 'put together', sender, text: composed };
  const base = random() < 0.3 ? pick(random, Object.values(RAW)) : composed;
  return { kind: 'with changed bytes', sender, text: changedBytes(random, base) };
}

const WRONG_METHODS = ['HEAD', 'POST', 'PUT', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH', 'M-SEARCH', 'get', ''];
const WRONG_VERSIONS = ['HTTP/1.0', 'HTTP/0.9', 'HTTP/1.2', 'HTTP/1', 'http/1.1', ''];
const WRONG_LINE_ENDS = ['\n', '\r', '\r\r\n'];
/** The probability that one part of a composed request is valid. */
const RIGHT = 0.85;
/**
 * The probability that all parts of a composed request are valid. A valid request after an invalid one on the same
 * connection must not be read as a part of the invalid one.
 */
const ALL_RIGHT = 0.3;
/** The probability that a composed request contains a given optional header. */
const HEADER = 0.02;

const HEADERS = [
  'Host: a',
  'Host: [::1',
  'Host:',
  'Connection: close',
  'Connection: keep-alive, upgrade',
  'Connection: Host',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Accept: */*',
  'Accept-Encoding: gzip;q=0.\x80',
  'Content-Type: application/json',
  'Cookie: a=b',
  'If-None-Match: "1"',
  'Idempotency-Key: a',
  'X-Request-Id: \xff\xfe',
  'X-A : b',
  ' X: y',
  ': z',
  'X',
  'TE: trailers, deflate',
  'Trailer: Host',
  `X: ${'a'.repeat(4_000)}`,
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked',
  'Content-Length: 1',
];

/**
 * Composes a request from parts, each of which may be valid or not. It never requests a long-poll or a stream: the
 * sender closes its side and waits until the connection ends.
 */
function composedRequest({ acme }: FuzzWorld, random: Random, { authorization }: Sender): string {
  const at = `/v1/tenants/${acme.name}`;
  if (random() < ALL_RIGHT) {
    const right = pick(random, ['/healthz', '/openapi.json', '/v1/me', `${at}/bundles`, `${at}/gates`]);
    const token = authorization === null ? '' : `Authorization: ${authorization}\r\n`;
    return `GET ${right} HTTP/1.1\r\nHost: a\r\n${token}\r\n`;
  }
  const address = pick(random, [
    '/healthz',
    '/v1/me',
    '*',
    '/',
    '//',
    '',
    '/openapi.json#x',
    'http://[::1/',
    `/v1/tenants`,
    `${at}/bundles?limit=1`,
    `${at}/bundles/bundle/channels/live`,
    `${at}/bundles/bundle/channels/live/files/a.json`,
    `${at}/hooks/github/deliveries`,
    `${at}/bundles/../../../tenants`,
    `${at}/bundles/%2e%2e/%00`,
    `/v1/tenants/${'%41'.repeat(500)}`,
    '/v1/callbacks/\xff\x80',
  ]);
  const [framing, body] = random() < RIGHT / 2 ? NO_BODY : pick(random, bodies(random));
  const chosen = HEADERS.filter(() => random() < HEADER);
  const mostly = (right: string, wrong: readonly string[]): string =>
    random() < RIGHT ? right : pick(random, wrong);
  const lines = [
    [mostly('GET', WRONG_METHODS), address, mostly('HTTP/1.1', WRONG_VERSIONS)].join(mostly(' ', ['\t'])),
    ...(random() < RIGHT ? ['Host: a'] : []),
    ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
    ...chosen,
    ...framing,
    '',
  ];
  const hasWrongEnds = random() > RIGHT;
  const ends = lines.map(() => (hasWrongEnds ? mostly('\r\n', WRONG_LINE_ENDS) : '\r\n'));
  return lines.map((line, n) => line + ends[n]!).join('') + body;
}

const NO_BODY = [[], ''] as const;

/** Bodies, with headers that state their length correctly or incorrectly. */
function bodies(random: Random): readonly (readonly [headers: readonly string[], body: string])[] {
  const json = '{"tenant":"x y"}';
  const size = Math.floor(random() * 40);
  const chunk = `${json.length.toString(16)}\r\n${json}\r\n`;
  return [
    [[], json],
    [[`Content-Length: ${json.length}`], json],
    [[`Content-Length: ${size}`], json],
    [[`Content-Length: ${pick(random, ['+1', '0x10', '1e1', '1, 1', ' ', '99999999999999999999'])}`], json],
    [['Transfer-Encoding: chunked'], `${chunk}0\r\n\r\n`],
    [['Transfer-Encoding: chunked'], `${chunk}0\r\nHost: b\r\nX: ${'t'.repeat(size * 500)}\r\n\r\n`],
    [
      ['Transfer-Encoding: chunked'],
      `${size.toString(16)};${'e'.repeat(size * 500)}\r\n${json}\r\n0\r\n\r\n`,
    ],
    [['Transfer-Encoding: chunked'], `fffffffffffffffff\r\n${json}`],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `${chunk}0\r\n\r\n`],
    [['Transfer-Encoding: Chunked', `Content-Length: ${size}`], `${chunk}0\r\n\r\n`],
    [['Transfer-Encoding: x chunked'], `${chunk}0\r\n\r\n`],
  ];
}

const BYTES = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  '\x7f',
  '\xff',
  '%',
  '0',
  ',',
  'HTTP/1.1',
  '\r\n\r\n',
];

/**
 * Makes a few random changes: inserts, removes or replaces a byte, repeats or removes a part, or cuts off the rest.
 */
function changedBytes(random: Random, text: string): string {
  return times(1 + Math.floor(random() * 4), () => random()).reduce((before, how) => {
    const at = Math.floor(random() * before.length);
    const [left, right] = [before.slice(0, at), before.slice(at)];
    if (how < 0.4) return left + pick(random, BYTES) + right;
    if (how < 0.6) return left + right.slice(1);
    if (how < 0.75) return left + String.fromCharCode(Math.floor(random() * 256)) + right.slice(1);
    if (how < 0.85) return left + right.slice(0, 30) + right;
    return how < 0.95 ? left : left + right.slice(1 + Math.floor(random() * 30));
  }, text);
}

/**
 * Sends the bytes and closes its own side of the connection. Returns everything that the server sends until it closes
 * its side too.
 */
export async function sendRaw(url: string, sent: string, signal: AbortSignal): Promise<string> {
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  const socket = connect(Number(port), hostname, () => socket.end(Buffer.from(sent, 'latin1')));
  const give = (): void => resolve(text);
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (text += chunk));
  // A connection reset also counts as the end of the response.
  socket.on('error', give);
  socket.on('close', give);
  signal.addEventListener('abort', () => {
    socket.destroy();
    reject(new Error(`no end within the time`));
  });
  return promise;
}

/** The status of each response in the bytes of a connection. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
}
