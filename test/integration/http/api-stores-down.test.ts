import { afterAll, beforeAll, expect, test } from 'vitest';

import { startApi, type TestAnswer, type TestApi } from '../../support/processes/api.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';

let plane: ControlPlane;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  plane = await startControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
  tenant = await newTenant(plane);
  await settled(plane, tenant, await accepted(plane, tenant));
});
afterAll(async () => {
  await api.stop();
  await plane.stop();
});

const bundle = (): string => `/v1/tenants/${tenant}/bundles/bundle`;

function publish(n: number, key: string): Promise<TestAnswer> {
  const json = { files: { 'config.json': `{"n":${n}}` } };
  return api.call('POST', `${bundle()}/releases`, { json, headers: { 'idempotency-key': key } });
}

function expectUnavailable({ status, json, headers }: TestAnswer): void {
  expect([status, json['code'], headers.get('retry-after')]).toEqual([503, 'unavailable', '2']);
}

/**
 * Waits until `/readyz` returns that status and those stores. On a slow machine, one check may exceed its time limit.
 */
async function readiness(status: number, stores: Readonly<Record<string, string>>): Promise<void> {
  await eventually(
    async () => {
      const answer = await api.call('GET', '/readyz');
      return answer.status === status && Object.entries(stores).every(([of, is]) => answer.json[of] === is);
    },
    { what: `${status} from /readyz, with ${JSON.stringify(stores)}` },
  );
}

test('while Restate is down a publish gets 503 with Retry-After and reads work, and a retry with the same idempotency key publishes once afterwards', async () => {
  await plane.restate.kill();
  try {
    expectUnavailable(await publish(2, 'through-the-outage'));
    expect((await api.call('GET', `${bundle()}/channels/live`)).status).toBe(200);
    expect((await api.call('GET', '/healthz')).status).toBe(200);
    await readiness(503, { postgres: 'ok', restate: 'down' });
  } finally {
    await plane.restate.restart();
  }
  const answer = await eventually(
    async () => {
      const again = await publish(2, 'through-the-outage');
      return again.status === 503 ? null : again;
    },
    { what: 'the publish goes through' },
  );
  expect([answer.status, answer.json['version']]).toEqual([202, 2]);
  await settled(plane, tenant, 2);
  expect((await publish(2, 'through-the-outage')).headers.get('idempotency-replayed')).toBe('true');
  await readiness(200, { postgres: 'ok', restate: 'ok' });
});

test('while the worker is down a publish gets 503 within a bounded time, and a retry with the same idempotency key publishes once afterwards', async () => {
  await plane.worker.down();
  try {
    expectUnavailable(await publish(3, 'nobody-works'));
  } finally {
    await plane.worker.start();
  }
  const answer = await eventually(
    async () => {
      const again = await publish(3, 'nobody-works');
      return again.status === 503 ? null : again;
    },
    { what: 'the publish goes through' },
  );
  expect([answer.status, answer.json['version']]).toEqual([202, 3]);
  await settled(plane, tenant, 3);
});

// This is the last test, because the test's database does not restart.
test('while PostgreSQL is down every request, even a waiting one, gets 503 with Retry-After, and the API stays alive', async () => {
  const now = await api.call('GET', `${bundle()}/channels/live`);
  const waiting = api.call('GET', `${bundle()}/channels/live?wait=55s`, {
    headers: { 'if-none-match': now.headers.get('etag') ?? '' },
  });
  await eventually(
    async () => (await api.call('GET', '/metrics')).text.includes('\npointsman_waiting_readers 1\n'),
    { what: 'the reader waits' },
  );
  process.kill(plane.postgres.pid, 'SIGKILL');
  await readiness(503, { postgres: 'down', restate: 'ok' });
  expectUnavailable(await publish(4, 'no-record'));
  expectUnavailable(await api.call('GET', `${bundle()}/channels/live`));
  expectUnavailable(await api.call('PUT', `${bundle()}/channels/live`, { json: { version: 1 } }));
  expectUnavailable(await api.call('POST', '/v1/tenants', { json: { tenant: 'new' } }));
  expectUnavailable(await waiting);
  expect((await api.call('GET', '/healthz')).status).toBe(200);
  const said = (await api.call('GET', `${bundle()}/channels/live`)).text;
  expect(said).not.toMatch(/ECONN|127\.0\.0\.1|postgres/i);
});
