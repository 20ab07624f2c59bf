import { buffer } from 'node:stream/consumers';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

import { type Header, pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { startApi, type TestAnswer, type TestApi } from '../../support/processes/api.ts';
import { type ControlPlane, newTenant, sharedControlPlane } from '../../support/worlds/control-plane.ts';

// This file is not part of the replay run, because most of its requests are refused before a handler runs.
// api-publish.test.ts runs the same handlers with Restate replaying.

const MiB = 1024 * 1024;

let plane: ControlPlane;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterAll(async () => {
  await api.stop();
});

const releases = (): string => `/v1/tenants/${tenant}/bundles/bot/releases`;

// After each test, the process must still run, hold no body in memory, and have skipped no version number.
afterEach(async () => {
  const { text } = await api.call('GET', '/metrics');
  expect(/^pointsman_publish_bytes_held (\d+)$/m.exec(text)?.[1]).toBe('0');
  const good = await api.call('POST', releases(), { json: { files: { 'a.yaml': 'a: 1' } } });
  expect([good.status, good.json['version']]).toEqual([202, 1]);
});

function expectProblem(answer: TestAnswer, status: number, code: string): void {
  expect([answer.status, answer.json['code'], answer.headers.get('content-type')]).toEqual([
    status,
    code,
    'application/problem+json',
  ]);
  expect(answer.json['requestId']).toBe(answer.headers.get('x-request-id'));
  expect(String(answer.json['detail']).length).toBeGreaterThan(10);
}

const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
for (let level = 0; level < 9; level++) {
  const [from, to] = ['abcdefghij'[level], 'abcdefghij'[level + 1]];
  bomb.push(`${to}: &${to} [${Array.from({ length: 10 }, () => `*${from}`).join(', ')}]`);
}

test.each([
  ['YAML that does not parse', 'a.yaml', 'a: 1\n\tb: 2\n', 2],
  ['a duplicate YAML key', 'a.yaml', 'a: 1\nb: 2\na: 3\n', 3],
  ['a YAML alias bomb', 'a.yaml', bomb.join('\n'), null],
  ['YAML nested ten thousand deep', 'a.yaml', '['.repeat(10_000), null],
  ['JSON that does not parse', 'a.json', '{\n "a": 1,\n}', 3],
  ['a duplicate JSON key', 'a.json', '{"a": 1,\n "a": 2}', 2],
  ['JSON nested ten thousand deep', 'a.json', '['.repeat(10_000) + ']'.repeat(10_000), null],
  ['TOML that does not parse', 'a.toml', 'a = 1\nb = \n', 2],
  ['a duplicate TOML key', 'a.toml', 'a = 1\na = 2\n', 2],
])(
  '%s is refused with its location and does not use up a version number',
  async (_what, path, text, line) => {
    const answer = await api.call('POST', releases(), { json: { files: { [path]: text } } });
    expectProblem(answer, 422, 'invalid_source');
    expect(answer.json['diagnostics']).toMatchObject([line === null ? { path } : { path, line }]);
  },
);

test('a document that violates its schema is refused with the location of the violation', async () => {
  const files = {
    'pointsman.yaml':
      'apiVersion: pointsman/v1\ndocuments:\n  - include: ["agents/*.yaml"]\n    schema: s.json\n',
    's.json': '{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}',
    'agents/a.yaml': 'title: x\nname: 7\n',
  };
  const answer = await api.call('POST', releases(), { json: { files } });
  expectProblem(answer, 422, 'invalid_source');
  expect(answer.json['diagnostics']).toMatchObject([{ path: 'agents/a.yaml', line: 2, pointer: '/name' }]);
});

test('a path outside of the source is refused, and the problem names it', async () => {
  const answer = await api.call('POST', releases(), { json: { files: { '../../etc/passwd': 'x' } } });
  expectProblem(answer, 422, 'invalid_source');
  expect(answer.json['diagnostics']).toMatchObject([{ path: '../../etc/passwd' }]);
});

async function sendTar(
  entries: (Partial<Header> & { name: string; content?: string | Buffer })[],
): Promise<TestAnswer> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header, content);
  archive.finalize();
  const body = gzipSync(await buffer(archive));
  return api.call('POST', releases(), { body, headers: { 'content-type': 'application/gzip' } });
}

test.each([
  ['a path outside of the source', { name: '../x', content: 'x' }],
  ['an absolute path', { name: '/x', content: 'x' }],
  ['a symbolic link', { name: 'x', type: 'symlink', linkname: '/etc/passwd' }],
  ['a hard link', { name: 'x', type: 'link', linkname: 'a.yaml' }],
  ['a device', { name: 'x', type: 'character-device' }],
] as [string, Partial<Header> & { name: string }][])(
  'an archive with %s is refused, and the problem names the entry',
  async (_what, entry) => {
    const answer = await sendTar([{ name: 'a.yaml', content: 'a: 1' }, entry]);
    expectProblem(answer, 422, 'invalid_source');
    expect(answer.json['diagnostics']).toMatchObject([{ path: entry.name }]);
  },
);

test('a file that unpacks past the size limit is refused before it is unpacked', async () => {
  const answer = await sendTar([{ name: 'bomb.bin', content: Buffer.alloc(40 * MiB) }]);
  expectProblem(answer, 413, 'too_large');
  expect(answer.json['detail']).toContain('bomb.bin');
});

test('a damaged archive, and a body that is not an archive, are refused', async () => {
  const gzip = { 'content-type': 'application/gzip' };
  expectProblem(await api.call('POST', releases(), { body: 'PK not gzip', headers: gzip }), 400, 'malformed');
  const truncated = gzipSync(Buffer.alloc(10_000, 'x')).subarray(0, 30);
  expectProblem(
    await api.call('POST', releases(), { body: truncated, headers: gzip }),
    422,
    'invalid_source',
  );
});

test('the error for invalid JSON has the line and column of the mistake', async () => {
  const body = '{"files": {"a": "1",}}';
  const answer = await api.call('POST', releases(), {
    body,
    headers: { 'content-type': 'application/json' },
  });
  expectProblem(answer, 400, 'malformed');
  expect(answer.json['errors']).toMatchObject([{ in: 'body', line: 1, column: 21 }]);
});

test('a JSON body that consists only of opening brackets is refused at any length', async () => {
  const body = '['.repeat(20 * MiB);
  expectProblem(
    await api.call('POST', releases(), { body, headers: { 'content-type': 'application/json' } }),
    400,
    'malformed',
  );
});

test('unknown fields, unknown parameters and misplaced parameters are refused, and the problem names them', async () => {
  const field = await api.call('POST', releases(), { json: { files: { a: '' }, chanel: 'live' } });
  expectProblem(field, 422, 'invalid_request');
  expect(field.json['errors']).toMatchObject([{ in: 'body', pointer: '/chanel' }]);
  const unknown = await api.call('POST', `${releases()}?dryrun=true`, { json: { files: { a: '' } } });
  expectProblem(unknown, 422, 'invalid_request');
  expect(unknown.json['errors']).toMatchObject([{ in: 'query', name: 'dryrun' }]);
  const misplaced = await api.call('POST', `${releases()}?channel=live`, { json: { files: { a: '' } } });
  expectProblem(misplaced, 422, 'invalid_request');
  expect(misplaced.json['errors']).toMatchObject([{ in: 'query', name: 'channel' }]);
});

test.each(['Acme', 'a.b', '-a', 'a'.repeat(64), 'a%2Fb', 'a%00b', '%zz'])(
  'the name %s is refused with its location in the request',
  async (name) => {
    const answer = await api.call('GET', `/v1/tenants/${tenant}/bundles/${name}/releases`);
    expectProblem(answer, 422, 'invalid_request');
    expect(answer.json['errors']).toMatchObject([{ in: 'path', name: 'bundle' }]);
  },
);

test('a tenant with an invalid name is not created', async () => {
  const answer = await api.call('POST', '/v1/tenants', { json: { tenant: 'Not A Name' } });
  expectProblem(answer, 422, 'invalid_request');
  expect(answer.json['errors']).toMatchObject([{ in: 'body', pointer: '/tenant' }]);
});

test('a publish with a wrong content type, with a content encoding or with a wrong charset is refused', async () => {
  const body = '{"files":{"a":""}}';
  for (const headers of [
    { 'content-type': 'text/yaml' },
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    { 'content-type': 'application/json; charset=utf-16' },
  ]) {
    expectProblem(await api.call('POST', releases(), { body, headers }), 415, 'unsupported_media_type');
  }
});

test.each([
  ['if-match', '17'],
  ['if-match', 'W/"17"'],
  ['if-match', '"1", "2"'],
  ['idempotency-key', 'with space'],
  ['idempotency-key', 'x'.repeat(256)],
])('the invalid header "%s: %s" is refused, and the problem names the header', async (name, value) => {
  const answer = await api.call('POST', releases(), {
    json: { files: { a: '' } },
    headers: { [name]: value },
  });
  expectProblem(answer, 400, 'malformed');
  expect(answer.json['errors']).toMatchObject([{ in: 'header', name }]);
});

test('a list request with an invalid cursor is refused', async () => {
  await api.call('POST', releases(), {
    json: { files: { 'a.yaml': 'a: 0' } },
    headers: { 'idempotency-key': 'k' },
  });
  for (const cursor of ['garbage', Buffer.from('["\\u0000"]').toString('base64url')]) {
    expectProblem(await api.call('GET', `${releases()}?cursor=${cursor}`), 422, 'invalid_request');
    expectProblem(await api.call('GET', `/v1/tenants?cursor=${cursor}`), 422, 'invalid_request');
  }
  // Switches to a new tenant. In the old one, the publish after each test has the same content as this test's
  // release, so it would not create a new one.
  tenant = await newTenant(plane);
});

test('text with a NUL character, which PostgreSQL cannot store, is refused as a client error', async () => {
  const message = await api.call('POST', releases(), { json: { files: { a: '' }, message: 'a\u0000b' } });
  expectProblem(message, 422, 'invalid_request');
  const file = await api.call('GET', `/v1/tenants/${tenant}/bundles/bot/channels/live/files/a%00b`);
  expectProblem(file, 422, 'invalid_request');
});

/** Sends raw bytes, and returns everything that the server sends until it closes the connection. */
async function raw(
  bytes: string,
  more: (socket: Socket, closed: Promise<void>) => Promise<void> = async () => {},
): Promise<string> {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.on('error', () => {});
  // The server may reset the connection after it has refused the request, which is not an error of the test.
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write(bytes);
  await more(socket, closed);
  await closed;
  return answer;
}

function drains(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', () => resolve()));
}

const head = (headers: string): string =>
  `POST ${releases()} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer an-admin-token-of-the-tests\r\n` +
  `Content-Type: application/json\r\n${headers}\r\n\r\n`;

test('a body with a Content-Length above the limit is refused before any of it is sent', async () => {
  const answer = await raw(head(`Content-Length: ${49 * MiB}\r\nConnection: close`));
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain('"code":"too_large"');
});

test('a chunked body above the limit is cut off at the limit, and the memory of the API stays bounded', async () => {
  const chunk = `${(64 * 1024).toString(16)}\r\n${' '.repeat(64 * 1024)}\r\n`;
  let sent = 0;
  const before = process.memoryUsage().rss;
  const answer = await raw(head('Transfer-Encoding: chunked'), async (socket, closed) => {
    // Sends until the server closes the connection. If it accepts a gigabyte, it has no limit and the test fails.
    while (sent < 1024 * MiB && !socket.destroyed) {
      sent += chunk.length;
      if (!socket.write(chunk)) await Promise.race([drains(socket), closed]);
    }
  });
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(sent).toBeLessThan(300 * MiB);
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * MiB);
});

test('bytes that are not HTTP get a problem document, and a header that is too long gets 431', async () => {
  expect(await raw('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"malformed"/);
  expect(await raw(head(`X-Long: ${'x'.repeat(20_000)}`))).toMatch(/^HTTP\/1\.1 431 /);
});
