import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import {
  deleteSink,
  findFeedEnd,
  findSink,
  listAttempts,
  listSinks,
  type PutSink,
  rotateSink,
  type RotateSink,
} from '../../../services/postgres/sinks/sinks.ts';
import { limitTenant } from '../../support/data/quotas.ts';
import { setSink } from '../../support/data/sinks.ts';
import { AT, newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
});
beforeEach(async () => {
  tenant = await newTenant(store);
});
afterAll(async () => {
  await store.stop();
});

const DAY = 86_400_000;

const put = (over: Partial<PutSink> = {}) => setSink(store.db, tenant, { at: AT, ...over });
const rotate = (over: Partial<RotateSink> = {}) =>
  rotateSink(store.db, {
    tenant,
    sink: 'audit',
    secret: 'sealed and rotated',
    rotationMs: DAY,
    by: 'ann',
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf('rotate'),
    requestId: 'request',
    at: AT,
    ...over,
  });
const find = () => findSink(store.db, tenant, 'audit');

/** Sets the state that the Sink object records after several failures. */
async function failing(): Promise<void> {
  await store.owner.query(
    `UPDATE pointsman.sinks SET delivered_seq = 1, failures = 3, failing_since = now(), last_error = 'down', retry_at = now()
     WHERE (tenant, sink) = ($1, 'audit')`,
    [tenant],
  );
}

describe('a webhook', () => {
  test('a new webhook starts at the end of the feed, with the generated secret', async () => {
    await published(store, { tenant, bundle: 'bundle', version: 1 });
    expect(await put()).toEqual({ kind: 'saved', created: true, secretMade: true, replayed: false });
    expect(await findFeedEnd(store.db, tenant)).toBe(1);
    expect(await find()).toMatchObject({
      kind: 'webhook',
      url: 'https://audit.example/in?key=hidden',
      secret: 'sealed and made',
      previousSecret: null,
      deliveredSeq: 1,
      failures: 0,
      pausedBy: null,
      createdBy: 'ann',
      createdAt: new Date(AT).toISOString(),
    });
  });

  test('a webhook gets the given secret, and keeps it if a later request gives no secret', async () => {
    expect(await put({ secret: 'sealed and given' })).toMatchObject({ created: true, secretMade: false });
    expect(await put()).toMatchObject({ created: false, secretMade: false });
    expect(await find()).toMatchObject({ secret: 'sealed and given', previousSecret: null });
  });

  test('after a secret is replaced, the previous one stays valid for as long as after a rotation', async () => {
    await put();
    await put({ secret: 'sealed and given' });
    expect(await find()).toMatchObject({
      secret: 'sealed and given',
      previousSecret: 'sealed and made',
      previousUntil: new Date(AT + DAY).toISOString(),
    });
    expect(await rotate({ at: AT + 1 })).toEqual({ kind: 'rotated', replayed: false });
    expect(await find()).toMatchObject({
      secret: 'sealed and rotated',
      previousSecret: 'sealed and given',
      previousUntil: new Date(AT + 1 + DAY).toISOString(),
    });
  });

  test('a new URL clears the failures of the webhook and keeps its position', async () => {
    await put();
    await failing();
    await put();
    expect(await find()).toMatchObject({ failures: 3, lastError: 'down', deliveredSeq: 1 });
    await put({ url: 'https://other.example/', origin: 'https://other.example' });
    expect(await find()).toMatchObject({
      url: 'https://other.example/',
      failures: 0,
      failingSince: null,
      lastError: null,
      retryAt: null,
      deliveredSeq: 1,
    });
  });

  test('a webhook is set and rotated once per idempotency key, and another request with that key is refused', async () => {
    const key = { idempotencyKey: 'k', fingerprint: digestOf('a') };
    await put(key);
    expect(await put({ ...key, madeSecret: 'another' })).toEqual({
      kind: 'saved',
      created: true,
      secretMade: true,
      replayed: true,
    });
    expect(await put({ ...key, fingerprint: digestOf('b') })).toEqual({ kind: 'key_reused' });
    const other = { idempotencyKey: 'l', fingerprint: digestOf('a') };
    await rotate(other);
    expect(await rotate({ ...other, secret: 'another' })).toEqual({ kind: 'rotated', replayed: true });
    expect(await rotate({ ...other, fingerprint: digestOf('b') })).toEqual({ kind: 'key_reused' });
    expect(await find()).toMatchObject({ secret: 'sealed and rotated', previousSecret: 'sealed and made' });
  });

  test('of several concurrent requests, one creates the webhook with the secret that its response reports', async () => {
    const all = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (madeSecret) => ({ madeSecret, answer: await put({ madeSecret }) })),
    );
    const makers = all.filter(({ answer }) => answer.kind === 'saved' && answer.secretMade);
    expect(makers).toHaveLength(1);
    expect(await find()).toMatchObject({ secret: makers[0]!.madeSecret, previousSecret: null });
  });

  test('the number of webhooks is limited, even for concurrent requests, and broker sinks do not count', async () => {
    await store.owner.query(
      `INSERT INTO pointsman.sinks (tenant, sink, kind, delivered_seq, created_by, created_at, updated_by, updated_at)
       VALUES ($1, 'redis', 'redis', 0, 'x', now(), 'x', now())`,
      [tenant],
    );
    await limitTenant(store.db, tenant, { sinks: 2 });
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((sink) => put({ sink })));
    const kinds = ['quota_exceeded', 'quota_exceeded', 'saved', 'saved'];
    expect(answers.map(({ kind }) => kind).toSorted()).toEqual(kinds);
    expect(await listSinks(store.db, tenant)).toHaveLength(3);
  });

  test('deleting a webhook deletes its attempts, and a deleted webhook can’t be rotated', async () => {
    await put();
    await store.owner.query(
      `INSERT INTO pointsman.webhook_attempts (tenant, sink, seq, event, delivered, status, summary, took_ms, at)
       SELECT $1, 'audit', n, 'event ' || n, true, 204, 'answered 204', 5, now() FROM generate_series(1, 3) n`,
      [tenant],
    );
    const attempts = await listAttempts(store.db, tenant, 'audit', { limit: 2 });
    expect(attempts.map(({ seq }) => seq)).toEqual([3, 2]);
    const rest = await listAttempts(store.db, tenant, 'audit', { before: attempts[1]!.n, limit: 2 });
    expect(rest.map(({ event }) => event)).toEqual(['event 1']);
    const by = { by: 'ann', requestId: 'x', at: AT };
    expect(await deleteSink(store.db, tenant, 'audit', by)).toBe(true);
    expect(await deleteSink(store.db, tenant, 'audit', by)).toBe(false);
    expect(await listAttempts(store.db, tenant, 'audit', { limit: 2 })).toEqual([]);
    expect(await rotate()).toEqual({ kind: 'no_sink' });
  });

  test('a webhook is visible only to its own tenant', async () => {
    await put();
    const mine = tenant;
    const other = await newTenant(store);
    expect(await listSinks(store.db, other)).toEqual([]);
    const rows = await store.db.call(other, 'SELECT sink FROM sinks WHERE tenant = $1', [mine]);
    expect(rows).toEqual([]);
  });

  test('a webhook for an unknown tenant is refused', async () => {
    expect(await put({ tenant: 'nobody' })).toEqual({ kind: 'no_tenant' });
  });

  test('the audit contains the origin of the URL, but neither its query nor a secret', async () => {
    await put({ secret: 'sealed and given' });
    await rotate();
    const { rows } = await store.owner.query<{ detail: unknown }>(
      `SELECT action, detail FROM pointsman.audit WHERE tenant = $1 AND action LIKE '%sink'`,
      [tenant],
    );
    expect(rows).toHaveLength(2);
    expect(JSON.stringify(rows)).toContain('https://audit.example');
    expect(JSON.stringify(rows)).not.toMatch(/sealed|hidden/);
  });
});
