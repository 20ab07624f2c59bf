import { randomUUID } from 'node:crypto';

import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startDeliveryReader, type DeliveryReader } from '../../../services/hooks/delivery-reader.ts';
import type { ClassifiedDelivery } from '../../../services/hooks/delivery-thread.ts';
import { deliveryLimits } from '../../../services/hooks/limits.ts';
import { startApi, type TestAnswer, type TestApi } from '../../support/processes/api.ts';
import { signatureOf } from '../../support/servers/code-host.ts';
import { eventLoopProcessorMs } from '../../support/runs/thread-time.ts';
import { newTenant, startStore, type Store } from '../../support/worlds/store.ts';

const SECRET = 'sixteen-letters-';
const RULE = {
  provider: 'github',
  repository: 'octo/bot',
  ref: 'refs/heads/main',
  path: null,
} as const;

let store: Store;
let api: TestApi;
let path: string;

beforeAll(async () => {
  store = await startStore();
  // Restate is unreachable, so no workflow starts and a delivery stays recorded as received.
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
  path = `/v1/tenants/${await newTenant(store)}/hooks/main`;
  const { path: _folder, ...rule } = RULE;
  const made = await api.call('PUT', path, { json: { ...rule, bundle: 'bundle', secret: SECRET } });
  expect(made.status, made.text).toBe(201);
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

const push = { ref: RULE.ref, after: 'a'.repeat(40), repository: { full_name: RULE.repository } };

/** Creates a payload of about that many bytes by repeating the commit. */
function payloadOf(commit: string, bytes: number): string {
  const empty = JSON.stringify({ ...push, commits: [] });
  const count = Math.floor((bytes - empty.length) / (commit.length + 1));
  return empty.replace('[]', `[${Array.from({ length: count }, () => commit).join(',')}]`);
}

const commit = (paths: number) => {
  const added = Array.from({ length: paths }, (_, n) => `some/folder/of/the/repository/file-${n}.yaml`);
  return JSON.stringify({ id: 'a'.repeat(40), added, removed: [], modified: [] });
};

/** Payloads of an attacker who knows the secret of one hook. Each has the maximum size of four megabytes. */
const HOSTILE: [what: string, payload: string][] = [
  ['commits that are zeros', payloadOf('0', deliveryLimits.bodyBytes)],
  ['commits that are empty maps', payloadOf('{}', deliveryLimits.bodyBytes)],
  [
    'commits whose paths are not strings',
    payloadOf(commit(300).replaceAll(/"some[^"]*"/g, '0'), deliveryLimits.bodyBytes),
  ],
  [
    'lists in lists',
    `${'['.repeat(deliveryLimits.bodyBytes / 2)}${']'.repeat(deliveryLimits.bodyBytes / 2)}`,
  ],
  ['a ref of four megabytes', JSON.stringify({ ...push, ref: '🚂'.repeat(deliveryLimits.bodyBytes / 5) })],
  ['a field with a long name', JSON.stringify({ ...push, ['x'.repeat(deliveryLimits.bodyBytes / 2)]: 0 })],
  [
    'a repository with a long name',
    JSON.stringify({ ...push, repository: { full_name: 'x'.repeat(deliveryLimits.bodyBytes / 2) } }),
  ],
];
/**
 * A payload of the maximum size in the form that GitHub sends: as many commits as GitHub lists, with as many paths as
 * fit.
 */
const HONEST = payloadOf(commit(46), deliveryLimits.bodyBytes);

function deliver(body: string): Promise<TestAnswer> {
  const headers = {
    authorization: '',
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-github-delivery': randomUUID(),
    'x-hub-signature-256': signatureOf(SECRET, body),
  };
  return api.call('POST', `${path}/deliveries`, { headers, body });
}

describe('the thread that reads payloads', () => {
  let reader: DeliveryReader;
  beforeAll(() => {
    reader = startDeliveryReader(pino({ level: 'silent' }));
  });
  afterAll(() => reader.close());
  const read = (payload: string): Promise<ClassifiedDelivery> =>
    reader.read('acme', {
      provider: 'github',
      event: 'push',
      rule: RULE,
      bytes: new Uint8Array(Buffer.from(payload)),
    });

  // The thread that reads a payload is ended when it exceeds its heap or its time. `read` then throws, which fails
  // the test.
  test.each(HOSTILE)('reads %s within its limits on memory and time', async (_what, payload) => {
    const judged = await read(payload);
    expect(['unreadable', 'push']).toContain(judged.kind);
    expect(JSON.stringify(judged).length).toBeLessThan(2_000);
  });

  test('reads the largest valid payload, and returns only the fields that are recorded', async () => {
    const judged = await read(HONEST);
    expect(judged).toMatchObject({ kind: 'push', push: { commit: push.after } });
    expect(judged).not.toHaveProperty('push.paths');
  });
});

describe('a signed delivery of four megabytes', () => {
  test.each(HOSTILE)(
    'of %s gets a short response, and takes less than five times as much processor time of the API’s event loop as the largest valid payload',
    async (_what, payload) => {
      const honest = await eventLoopProcessorMs(async () => expect((await deliver(HONEST)).status).toBe(202));
      const answers: TestAnswer[] = [];
      const hostile = await eventLoopProcessorMs(async () => void answers.push(await deliver(payload)));
      for (const { status, text } of answers) {
        expect([202, 422]).toContain(status);
        expect(text.length).toBeLessThan(2_000);
      }
      expect(hostile).toBeLessThan(5 * honest);
      expect((await api.call('GET', '/healthz')).status).toBe(200);
    },
  );
});

test.each([1.5, 1e19, -1, Number.MAX_SAFE_INTEGER])(
  'a push with the invalid time of %d seconds is refused with 422, because pushes are ordered by their time',
  async (pushedAt) => {
    const body = JSON.stringify({ ...push, repository: { ...push.repository, pushed_at: pushedAt } });
    expect(await deliver(body)).toMatchObject({ status: 422, json: { code: 'invalid_request' } });
  },
);
