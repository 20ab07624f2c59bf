import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { feedLimits } from '../../../packages/protocol/limits.ts';
import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { partitionOf } from '../../../packages/protocol/sinks/sink.ts';
import {
  type DeliveryRecord,
  listBehind,
  listStreamBehind,
  openSink,
  recordDelivery,
  recordSinkCheck,
  controlSink,
} from '../../../services/postgres/sinks/sink-deliveries.ts';
import { findSink, listAttempts } from '../../../services/postgres/sinks/sinks.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { setSink } from '../../support/data/sinks.ts';
import { AT, newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
});
beforeEach(async () => {
  tenant = await newTenant(store);
  // Removes the broker health that earlier tests recorded. It would apply to all tenants that share the partition.
  await store.owner.query('DELETE FROM pointsman.broker_streams');
});
afterEach(async () => {
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => store.stop());

const moved = (version: number) => published(store, { tenant, bundle: 'bundle', version });
const open = (sink: string, known: number | null = null) =>
  openSink(store.db, { tenant, sink }, { known, most: 10, nowMs: AT });
const delivered = (seq: number, more: Partial<DeliveryRecord> = {}): DeliveryRecord => ({
  tenant,
  sink: 'redis',
  start: 0,
  seq,
  failed: null,
  healthyAtMs: AT,
  pause: null,
  attempts: [],
  at: AT,
  ...more,
});
const failed = { failures: 1, sinceMs: AT, retryAtMs: AT + 1_000, reason: 'away', whole: true };
const behind = async (nowMs = AT + 1) => {
  const page = await listBehind(store.db, { brokers: ['redis'], after: '', movedBefore: AT + 1, nowMs });
  return page.behind.filter((one) => one.tenant === tenant);
};

test('the database and the code assign each tenant to the same partition', async () => {
  const names = Array.from({ length: 200 }, (_, n) => `tenant-${n}`);
  const { rows } = await store.owner.query<{ stream: number }>(
    'SELECT pointsman.stream_of(name) AS stream FROM unnest($1::text[]) WITH ORDINALITY AS n (name, i) ORDER BY i',
    [names],
  );
  expect(rows.map(({ stream }) => stream)).toEqual(names.map(partitionOf));
  expect(new Set(rows.map(({ stream }) => stream)).size).toBe(feedLimits.partitions);
});

describe('due moves of a sink', () => {
  test('a sink without a recorded position gets all retained moves, or the moves after the position that its writer reports', async () => {
    await moved(1);
    await moved(2);
    expect(await open('redis')).toMatchObject({
      start: 0,
      onRecord: null,
      latest: 2,
      moves: [{ seq: 1 }, { seq: 2 }],
    });
    expect(await open('redis', 1)).toMatchObject({ start: 1, moves: [{ seq: 2 }] });
    const late = { known: 0, most: 10, nowMs: AT + feedLimits.retentionMs + 1 };
    expect(await openSink(store.db, { tenant, sink: 'redis' }, late)).toMatchObject({ start: 2, moves: [] });
    expect(await open('audit')).toBeNull();
  });

  test('the recorded position of a sink takes precedence over the position that its writer reports', async () => {
    await moved(1);
    await moved(2);
    await recordDelivery(store.db, delivered(2));
    expect(await open('redis', 0)).toMatchObject({ start: 2, onRecord: 2, moves: [] });
  });

  test('a paused sink has no due moves', async () => {
    await moved(1);
    const request = {
      tenant,
      sink: 'redis',
      by: 'ann',
      requestId: 'x',
      idempotencyKey: 'a',
      fingerprint: digestOf('a'),
    };
    await controlSink(store.db, { ...request, control: { kind: 'pause', reason: 'why' }, at: AT });
    expect(await open('redis')).toMatchObject({ paused: 'it is paused by ann: why', moves: [] });
    expect(await behind()).toEqual([]);
  });
});

describe('a test event that a webhook accepts', () => {
  const look = {
    sink: 'audit',
    start: 0,
    failed: null,
    whole: true,
    healthyAtMs: AT,
    retryAtMs: null,
    attempts: [],
    asked: null,
    at: AT,
  };

  test('a test event clears the recorded failure only if no move is due', async () => {
    await setSink(store.db, tenant);
    await moved(1);
    await recordDelivery(store.db, delivered(0, { sink: 'audit', failed }));
    await recordSinkCheck(store.db, { tenant, ...look });
    expect(await findSink(store.db, tenant, 'audit')).toMatchObject({ failures: 1, lastError: 'away' });
    await recordDelivery(store.db, delivered(1, { sink: 'audit' }));
    await recordSinkCheck(store.db, { tenant, ...look, failed: 'away again' });
    expect(await findSink(store.db, tenant, 'audit')).toMatchObject({ failures: 1, lastError: 'away again' });
    await recordSinkCheck(store.db, { tenant, ...look });
    expect(await findSink(store.db, tenant, 'audit')).toMatchObject({
      failures: 0,
      failingSince: null,
      lastError: null,
    });
  });
});

describe('the sweep of sinks', () => {
  test('the sweep finds sinks with due moves, once their retry time has come', async () => {
    await setSink(store.db, tenant);
    await moved(1);
    const both = ['audit', 'redis'].map((sink) => ({ tenant, sink, seq: 1 }));
    expect(await behind()).toEqual(both);
    await recordDelivery(store.db, delivered(0, { failed }));
    expect(await behind()).toEqual([both[0]]);
    expect(await behind(failed.retryAtMs)).toEqual(both);
    await recordDelivery(store.db, delivered(1));
    expect(await behind(failed.retryAtMs)).toEqual([both[0]]);
  });

  test('the sweep skips sinks whose moves are recent', async () => {
    await moved(1);
    const page = await listBehind(store.db, { brokers: ['redis'], after: '', movedBefore: AT, nowMs: AT });
    expect(page.behind.filter((one) => one.tenant === tenant)).toEqual([]);
  });

  test('the tenants of a partition with due moves are listed, and tenants of another partition are not', async () => {
    await moved(1);
    expect(await listStreamBehind(store.db, tenant, 'redis')).toContainEqual({
      tenant,
      sink: 'redis',
      seq: 1,
    });
    const all = await listStreamBehind(store.db, tenant, 'redis');
    expect(all.every((one) => partitionOf(one.tenant) === partitionOf(tenant))).toBe(true);
    await recordDelivery(store.db, delivered(1));
    expect(await listStreamBehind(store.db, tenant, 'redis')).not.toContainEqual({
      tenant,
      sink: 'redis',
      seq: 1,
    });
  });
});

test('only the latest delivery attempts of a webhook are kept', async () => {
  await setSink(store.db, tenant);
  const attempt = { seq: null, delivered: true, status: 200, summary: 'answered 200', tookMs: 1 };
  const attempts = Array.from({ length: sinkLimits.attemptsKept }, (_, n) => ({ ...attempt, event: `${n}` }));
  await recordDelivery(store.db, delivered(0, { sink: 'audit', attempts }));
  await recordDelivery(store.db, delivered(0, { sink: 'audit', attempts: [{ ...attempt, event: 'last' }] }));
  const kept = await listAttempts(store.db, tenant, 'audit', { limit: 2 * sinkLimits.attemptsKept });
  expect(kept).toHaveLength(sinkLimits.attemptsKept);
  expect([kept[0]?.event, kept.at(-1)?.event]).toEqual(['last', '1']);
});
