import { pino } from 'pino';
import { expect, test } from 'vitest';

import { jsonAnswer } from '../../../services/api/answers.ts';
import { type Connection, NO_CONNECTION } from '../../../services/api/connection.ts';
import { endpoint } from '../../../services/api/endpoint.ts';
import { responseShares } from '../../../services/api/limits.ts';
import { Metrics } from '../../../services/api/metrics.ts';
import { router } from '../../../services/api/router.ts';
import { Shares } from '../../../services/api/shares.ts';

const LARGE_BYTES = 10 * 1024 * 1024;

/** One large response and one small, open to all, of a router whose connections the test ends. */
function startRouter() {
  const answers = (path: string, bytes: number) =>
    endpoint({
      path,
      method: 'get',
      operationId: path,
      summary: '',
      description: '',
      tags: [],
      responses: {},
      may: null,
      handle: () => jsonAnswer({ text: 'x'.repeat(bytes) }, 200, { etag: '"large"' }),
    });
  const ends: (() => void)[] = [];
  const connection: Connection = { ...NO_CONNECTION, onceSent: (end) => void ends.push(end) };
  const app = router([answers('/large', LARGE_BYTES), answers('/small', 100)], {
    authenticate: () => Promise.reject(new Error('nobody asks')),
    metrics: new Metrics(),
    responses: new Shares(responseShares),
    log: pino({ level: 'silent' }),
    draining: new AbortController().signal,
  });
  const call = async (method: string, path: string): Promise<Response> =>
    app.fetch(new Request(`http://test${path}`, { method }), connection);
  return { call, sent: () => ends.splice(0).map((end) => end()) };
}

test('large responses that were not taken yet exhaust the share of their caller, and it is free again when they were', async () => {
  const { call, sent } = startRouter();
  const statuses = async (): Promise<number[]> => {
    const responses: Response[] = [];
    for (let count = 0; count < 5; count++) responses.push(await call('GET', '/large'));
    return responses.map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 200, 200, 429, 429]);
  sent();
  expect(await statuses()).toEqual([200, 200, 200, 429, 429]);
});

test('the refusal that takes the place of a large response has none of its headers, and HEAD and small responses are not counted', async () => {
  const { call } = startRouter();
  for (let count = 0; count < 5; count++) expect((await call('HEAD', '/large')).status).toBe(200);
  for (let count = 0; count < 3; count++) await call('GET', '/large');
  const refused = await call('GET', '/large');
  const problem = (await refused.json()) as Record<string, unknown>;
  expect([refused.status, problem['code'], refused.headers.get('retry-after')]).toEqual([429, 'busy', '2']);
  expect(refused.headers.get('etag')).toBeNull();
  expect(refused.headers.get('x-request-id')).toBe(problem['requestId']);
  expect((await call('GET', '/small')).status).toBe(200);
});
