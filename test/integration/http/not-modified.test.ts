import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startApi, type TestApi } from '../../support/processes/api.ts';
import { exchange, type RawResponse } from '../../support/runs/raw-http.ts';
import { newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
/** `early` is the API with the early 304 response, and `routed` is the same API without it. */
let early: TestApi;
let routed: TestApi;
let path: string;

beforeAll(async () => {
  store = await startStore();
  const stores = { appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' };
  early = await startApi(stores);
  routed = await startApi({ ...stores, answersEarly: false });
  const tenant = await newTenant(store);
  await published(store, { tenant, bundle: 'bundle', version: 1 });
  path = `/v1/tenants/${tenant}/bundles/bundle/channels/live`;
});
afterAll(async () => {
  await early.stop();
  await routed.stop();
  await store.stop();
});

type Header = readonly [name: string, value: string];

/**
 * Spells the header name as it is, in lower case, in upper case or in mixed case. Header names are case-insensitive.
 */
const spelled = (name: string) =>
  fc.constantFrom(
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll(/(.)(.)/g, (_pair, one: string, two: string) => one.toLowerCase() + two.toUpperCase()),
  );
const header = (name: string, ...values: string[]) =>
  fc.tuple(spelled(name), fc.constantFrom(...values)) satisfies fc.Arbitrary<Header>;

const authorization = () =>
  header(
    'Authorization',
    ...[early.adminToken, ` ${early.adminToken} `, 'unknown', ''].map((token) => `Bearer ${token}`),
    `bearer ${early.adminToken}`,
    'Basic YTpi',
    '',
  );
const HOSTS = [
  'test',
  'TEST:80',
  'test:0',
  'test:99999',
  '127.0.0.1:3000',
  '1.1',
  '1.1:3000',
  '256.1.1.1:3000',
  '[::1]:80',
  'user@test',
  'test/path',
  'test?',
  'a b',
  'test:',
  '',
  'tést',
  '%74est',
  'test, other',
  'te_st.example',
];
const host = header('Host', ...HOSTS);
const ifNoneMatch = header('If-None-Match', '"1"', 'W/"1"', '"2"', '*', '"0", "1"', '"01"', '1', '');
const otherHeader = fc.oneof(
  header(
    'Accept',
    '*/*',
    'application/json',
    'text/event-stream;q=0',
    'text/html',
    '',
    'application/json;q=0.5',
  ),
  header('X-Request-Id', 'mine', 'not one', ''),
  header('Traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'broken'),
  header('Content-Length', '0'),
  header('Cache-Control', 'no-cache'),
  header('Cookie', 'a=b'),
  header('Expect', '100-continue', '100-CONTINUE', '100-continue, x', 'x', ''),
  header('Upgrade', 'websocket'),
);

/** Generates requests. Most of them qualify for the early response, except for one unusual detail. */
const requests = () =>
  fc
    .record({
      method: fc.oneof({ weight: 8, arbitrary: fc.constant('GET') }, fc.constantFrom('HEAD', 'POST', 'get')),
      target: fc.oneof(
        { weight: 8, arbitrary: fc.constant(path) },
        fc.constantFrom(
          ...['?', '?wait=x', '?x=1', '/', '/moves', '#live', '/../live', '%20'].map((end) => path + end),
          path.replace('live', '%6Cive'),
          path.replace('live', 'LIVE'),
          path.replace('live', '-live'),
          path.replace('/v1', '//v1'),
          path.replace('bundle/', 'other/'),
          `http://other${path}`,
          '*',
        ),
      ),
      version: fc.oneof({ weight: 8, arbitrary: fc.constant('1.1') }, fc.constant('1.0')),
      hosts: fc.oneof(
        { weight: 3, arbitrary: fc.constant<Header[]>([['Host', 'test']]) },
        fc.array(host, { maxLength: 2 }),
      ),
      authorizations: fc.oneof(
        { weight: 3, arbitrary: fc.constant<Header[]>([['Authorization', `Bearer ${early.adminToken}`]]) },
        fc.array(authorization(), { maxLength: 2 }),
      ),
      tags: fc.oneof(
        { weight: 3, arbitrary: fc.constant<Header[]>([['If-None-Match', '"1"']]) },
        fc.array(ifNoneMatch, { maxLength: 2 }),
      ),
      others: fc.array(otherHeader, { maxLength: 3 }),
    })
    .chain(({ hosts, authorizations, tags, others, ...line }) =>
      fc
        .shuffledSubarray([...hosts, ...authorizations, ...tags, ...others], {
          minLength: hosts.length + authorizations.length + tags.length + others.length,
        })
        .map((headers) => ({ ...line, headers })),
    )
    .map(({ method, target, version, headers }) => (isLast: boolean) => {
      const last: Header[] = isLast ? [['Connection', 'close']] : [];
      const lines = [...headers, ...last].map(([name, value]) => `${name}: ${value}\r\n`);
      return `${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n`;
    });

/** Up to three requests on one connection, in one packet. The last one closes the connection. */
const packets = () =>
  fc
    .array(requests(), { minLength: 1, maxLength: 3 })
    .map((list) => list.map((request, at) => request(at === list.length - 1)).join(''));

/** The statuses of all responses of a connection. */
function statusesOf({ status, body }: RawResponse): number[] {
  return [status, ...[...body.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code))];
}

/** Replaces the values that differ between any two responses, such as the date, so that the rest can be compared. */
function comparable({ status, headers, body }: RawResponse) {
  const kept = [...headers].map(([name, value]) => {
    if (name === 'date') return [name, ''];
    if (name === 'x-request-id' && value !== 'mine') return [name, 'made up'];
    if (name === 'traceparent') return [name, value.length];
    return [name, value];
  });
  const text = body
    .replaceAll(/"requestId":"[0-9a-f-]{36}"/g, '"requestId":"made up"')
    .replaceAll(/^(date|x-request-id|traceparent): (?!mine\r).*$/gim, '$1: made up');
  // After the first body come the other responses of the connection. Their headers are sorted, because the order of
  // headers has no meaning.
  const [first = '', ...others] = `\n${text}`.split(/(?=HTTP\/1\.1 \d{3} )/);
  const rest = others.map((other) => {
    const [head = '', ...bodies] = other.split('\r\n\r\n');
    return [head.split('\r\n').toSorted(), bodies];
  });
  return { status, headers: Object.fromEntries(kept) as Record<string, unknown>, body: first, rest };
}

test('a request gets the same response whether the API answers it before or after routing, for any headers, host, path and preceding requests', async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(packets(), async (text) => {
      const bytes = Buffer.from(text);
      const [ahead, behind] = await Promise.all([exchange(early.url, bytes), exchange(routed.url, bytes)]);
      expect(comparable(ahead)).toEqual(comparable(behind));
      for (const status of statusesOf(ahead)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }),
    { numRuns: 300 },
  );
  // Checks that the generated requests led to different statuses, and not only to refusals.
  for (const status of [200, 304, 400, 401, 417]) expect(statuses.get(status) ?? 0).toBeGreaterThan(5);
  expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
});

const plain = (...headers: string[]): string =>
  `GET ${path} HTTP/1.1\r\nConnection: close\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`;

test.each<[string, () => string[]]>([
  [
    'two Authorization headers',
    () => ['Host: test', `Authorization: Bearer ${early.adminToken}`, 'authorization: Bearer x'],
  ],
  ['two Host headers', () => ['Host: test', 'HOST: other', `Authorization: Bearer ${early.adminToken}`]],
  ['an invalid Host', () => ['Host: user@test', `Authorization: Bearer ${early.adminToken}`]],
  [
    'a Host that is an address in another spelling',
    () => ['Host: 1.1:3000', `Authorization: Bearer ${early.adminToken}`],
  ],
])(
  'a request with %s gets 400 whether the API answers it before or after routing',
  async (_what, headers) => {
    const bytes = plain(...headers(), 'If-None-Match: "1"');
    for (const api of [early, routed]) {
      const { status, body } = await exchange(api.url, bytes);
      expect([status, body]).toEqual([400, expect.stringContaining('"code":"malformed"')]);
    }
  },
);
