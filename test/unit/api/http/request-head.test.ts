import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type ApiServer, listen } from '../../../../services/api/http/server.ts';
import { socketLimits } from '../../../../services/api/limits.ts';
import { exchange } from '../../../support/runs/raw-http.ts';

// Tests the heads of requests, byte by byte, on real sockets.

let server: ApiServer;
let handled: string[];

beforeEach(async () => {
  handled = [];
  const answer = async (request: Request): Promise<Response> => {
    handled.push(`${request.method} ${request.url} ${await request.text()}`);
    return new Response('ok');
  };
  server = await listen(answer, { host: '127.0.0.1', port: 0 });
});
afterEach(() => server.stop());

const request = (line: string, ...headers: string[]): string =>
  `${line}\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`;
const HOST = 'Host: test';
const CHUNKED = '4\r\nbody\r\n0\r\n\r\n';
const SMUGGLED = request('POST /smuggled HTTP/1.1', HOST, 'Content-Length: 0');
const many = (count: number): string[] => Array.from({ length: count }, (_, nth) => `A${nth}: a`);

describe('the server refuses an ambiguous request head and closes the connection:', () => {
  test.each<[string, number, string]>([
    [
      'Transfer-Encoding in HTTP/1.0',
      400,
      request('POST /a HTTP/1.0', HOST, 'Connection: keep-alive', 'Transfer-Encoding: chunked') + CHUNKED,
    ],
    [
      'an unsupported Transfer-Encoding',
      400,
      request('POST /a HTTP/1.1', HOST, 'Transfer-Encoding: gzip, chunked') + CHUNKED,
    ],
    [
      'a chunked encoding twice',
      400,
      request('POST /a HTTP/1.1', HOST, 'Transfer-Encoding: chunked, chunked') + CHUNKED,
    ],
    [
      'a second Transfer-Encoding in a separate header',
      400,
      request('POST /a HTTP/1.1', HOST, 'Transfer-Encoding: gzip', 'Transfer-Encoding: chunked') + CHUNKED,
    ],
    [
      'a Content-Length together with chunks',
      400,
      request('POST /a HTTP/1.1', HOST, 'Content-Length: 4', 'Transfer-Encoding: chunked') + CHUNKED,
    ],
    [
      'another expectation together with 100-continue',
      417,
      request('POST /a HTTP/1.1', HOST, 'Expect: 100-continue', 'Expect: x', 'Content-Length: 0'),
    ],
    ['two expectations in one header', 417, request('GET /a HTTP/1.1', HOST, 'Expect: 100-continue, x')],
    ['an empty expectation', 417, request('GET /a HTTP/1.1', HOST, 'Expect:')],
    ['an address with a user', 400, request('GET http://u:p@test/a HTTP/1.1', HOST)],
    ['an address with an empty user', 400, request('GET http://@test/a HTTP/1.1', HOST)],
    ['an address with a backslash', 400, request('GET http://test\\@other/a HTTP/1.1', HOST)],
    ['an address without a host', 400, request('GET http:///a HTTP/1.1', HOST)],
    ['an address of another scheme', 400, request('GET ftp://test/a HTTP/1.1', HOST)],
    ['an address that is "*"', 400, request('OPTIONS * HTTP/1.1', HOST)],
    ['an address that is an authority', 400, request('CONNECT test:80 HTTP/1.1', HOST)],
    ['HTTP/2.0', 400, request('GET /a HTTP/2.0', HOST)],
    ['HTTP/0.9', 400, request('GET /a HTTP/0.9', HOST)],
    ['one header too many', 431, request('GET /a HTTP/1.1', HOST, ...many(socketLimits.headersCount))],
    [
      'a second Host behind 2,100 headers',
      431,
      request('GET /a HTTP/1.1', HOST, ...Array.from({ length: 2_100 }, () => 'a:'), 'Host: other'),
    ],
    ['no Host', 400, request('GET /a HTTP/1.1')],
    ['two Hosts', 400, request('GET /a HTTP/1.1', HOST, HOST)],
    ['a Host with a user', 400, request('GET /a HTTP/1.1', 'Host: u@test')],
    [
      'two Authorizations',
      400,
      request('GET /a HTTP/1.1', HOST, 'Authorization: Bearer a', 'Authorization: Bearer b'),
    ],
  ])('%s', async (_what, status, bytes) => {
    const response = await exchange(server.url, bytes + SMUGGLED);
    expect([response.status, response.headers.get('connection')]).toEqual([status, 'close']);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(response.body)).toMatchObject({ status, code: 'malformed' });
    expect(handled).toEqual([]);
  });
});

describe('the server accepts a request head with', () => {
  test.each<[string, string, string]>([
    [
      'an address in absolute form',
      request('GET http://test:8080/a?b HTTP/1.1', HOST),
      'GET http://test:8080/a?b ',
    ],
    [
      'a capitalized chunked encoding',
      request('PUT /a HTTP/1.1', HOST, 'Transfer-Encoding: Chunked') + CHUNKED,
      'PUT http://test/a body',
    ],
    [
      'an expectation in HTTP/1.0, which ignores it',
      request('PUT /a HTTP/1.0', HOST, 'Expect: 100-continue', 'Content-Length: 2') + 'hi',
      'PUT http://test/a hi',
    ],
    [
      'the largest allowed number of headers',
      request('GET /a HTTP/1.1', HOST, ...many(socketLimits.headersCount - 2)),
      'GET http://test/a ',
    ],
  ])('%s', async (_what, bytes, expected) => {
    const closing = bytes.replace('\r\n', '\r\nConnection: close\r\n');
    expect((await exchange(server.url, closing)).status).toBe(200);
    expect(handled).toEqual([expected]);
  });
});
