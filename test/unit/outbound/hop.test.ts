import { describe, expect, test } from 'vitest';
import { firstHop, nextHop, type Hop } from '../../../services/outbound/hop.ts';
import type { OutboundRequest } from '../../../services/outbound/contract.ts';

const request: OutboundRequest = {
  url: 'https://ci.example/run?job=7',
  method: 'POST',
  headers: {
    Authorization: 'Bearer secret',
    'X-Acme-Key': 'secret',
    'Content-Type': 'application/json',
    Accept: 'application/json',
  },
  body: '{}',
  idempotencyKey: 'acme:support-bot:v12:e2e',
  correlationId: 'acme:support-bot:v12',
  timeoutMs: 1_000,
  maxBytes: 1_000,
  maxRedirects: 3,
};

describe('the first request of an outgoing call', () => {
  test('has the user agent, the correlation id and the idempotency key', () => {
    const { headers } = made(firstHop(request));
    expect(headers).toEqual({
      authorization: 'Bearer secret',
      'x-acme-key': 'secret',
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'gzip',
      'user-agent': expect.stringMatching(/^pointsman\/\d+\.\d+\.\d+/),
      'idempotency-key': 'acme:support-bot:v12:e2e',
      'pointsman-correlation-id': 'acme:support-bot:v12',
    });
  });

  test('has its own framing, host and identifying headers, whatever headers the caller sets', () => {
    const meddling = {
      HOST: 'internal',
      'Content-Length': '3',
      'transfer-encoding': 'chunked',
      Connection: 'upgrade',
      'Idempotency-Key': 'other',
      'user-agent': 'other',
      'accept-encoding': 'br',
    };
    const { headers } = made(firstHop({ ...request, headers: meddling }));
    expect(headers).toEqual(made(firstHop({ ...request, headers: {} })).headers);
  });

  test.each([
    ['', 'cannot be parsed'],
    ['ci.example/run', 'cannot be parsed'],
    ['//ci.example/run', 'cannot be parsed'],
    ['http://', 'cannot be parsed'],
    ['http://[::1', 'cannot be parsed'],
    ['http://1.2.3.4.5/', 'cannot be parsed'],
    ['ftp://ci.example/', 'is neither http nor https'],
    ['file:///etc/passwd', 'is neither http nor https'],
    ['gopher://127.0.0.1:6379/_SET', 'is neither http nor https'],
    ['javascript:alert(1)', 'is neither http nor https'],
    ['https://user@ci.example/', 'contains a user or a password'],
    ['https://user:secret@ci.example/', 'contains a user or a password'],
    ['https://:secret@ci.example/', 'contains a user or a password'],
  ])('is not sent to %j, which %s', (url, problem) => {
    expect(firstHop({ ...request, url })).toEqual({ problem });
  });
});

test('the URL of an outgoing call can have at most the length that servers accept', () => {
  const longest = `https://ci.example/${'a'.repeat(8_192 - 'https://ci.example/'.length)}`;
  expect(firstHop({ ...request, url: longest })).toHaveProperty('hop');
  expect(firstHop({ ...request, url: `${longest}a` })).toEqual({ problem: 'is too long' });
  const host = (chars: number) => `https://${'a'.repeat(chars)}/`;
  expect(firstHop({ ...request, url: host(254) })).toHaveProperty('hop');
  expect(firstHop({ ...request, url: host(255) })).toEqual({ problem: 'is too long' });
  expect(nextHop(first(), 307, `${longest}a`)).toEqual({ problem: 'to a URL that is too long' });
});

describe('a redirect of an outgoing call', () => {
  test.each([
    [301, 'GET', 'GET'],
    [302, 'GET', 'GET'],
    [303, 'GET', 'GET'],
    [307, 'GET', 'GET'],
    [308, 'GET', 'GET'],
    [301, 'PUT', 'PUT'],
    [302, 'PUT', 'PUT'],
    [303, 'PUT', 'GET'],
    [303, 'POST', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
  ] as const)(
    'with the status %i for a %s request is followed with a %s request',
    (status, method, expected) => {
      const next = made(nextHop(first({ method }), status, '/elsewhere'));
      expect(next).toMatchObject({ method: expected, body: status === 303 ? null : '{}' });
      expect(next.url.href).toBe('https://ci.example/elsewhere');
      expect(next.headers['content-type']).toBe(status === 303 ? undefined : 'application/json');
    },
  );

  test.each([301, 302])(
    'with the status %i for a POST request is refused, because the POST would be repeated or lost',
    (status) => {
      expect(nextHop(first(), status, '/elsewhere')).toHaveProperty('problem');
    },
  );

  test.each([
    [null, 'without a Location header'],
    ['http://ci.example/run', 'from https to http'],
    ['http://127.0.0.1/', 'from https to http'],
    ['ftp://ci.example/', 'to a URL that is neither http nor https'],
    ['https://u:p@ci.example/', 'to a URL that contains a user or a password'],
    ['https://[', 'to a URL that cannot be parsed'],
  ])('to %j is refused: %s', (location, problem) => {
    expect(nextHop(first(), 307, location)).toEqual({ problem });
  });

  test('within the same origin keeps all headers', () => {
    expect(made(nextHop(first(), 307, 'https://ci.example:443/x')).headers).toEqual(first().headers);
  });

  test.each([
    'https://other.example/',
    'https://ci.example:8443/',
    'https://sub.ci.example/',
    '//other.example/x',
  ])('to the other origin %s drops every header that is not known to be harmless', (location) => {
    const next = made(nextHop(first(), 307, location));
    expect(Object.keys(next.headers).toSorted()).toEqual([
      'accept',
      'accept-encoding',
      'content-type',
      'idempotency-key',
      'pointsman-correlation-id',
      'user-agent',
    ]);
    expect(next.body).toBe('{}');
  });

  test('back to the first origin does not restore the credentials', () => {
    const away = made(nextHop(first(), 307, 'https://other.example/'));
    const back = made(nextHop(away, 307, 'https://ci.example/run'));
    expect(JSON.stringify(back.headers)).not.toContain('secret');
  });

  test('from http to https counts as another origin, and does not keep the credentials', () => {
    const plain = first({ url: 'http://ci.example/run' });
    expect(made(nextHop(plain, 308, 'https://ci.example/run')).headers).not.toHaveProperty('authorization');
  });
});

function first(over: Partial<OutboundRequest> = {}): Hop {
  return made(firstHop({ ...request, ...over }));
}

function made(next: ReturnType<typeof firstHop>): Hop {
  if ('problem' in next) throw new Error(next.problem);
  return next.hop;
}
