import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { sinkKey } from '../../../packages/protocol/sinks/sink.ts';
import { Sink } from '../../../handlers/contract/sink.ts';
import { listAttempts } from '../../../services/postgres/sinks/sinks.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  runningInvocations,
  deliveredTo,
  type Endpoint,
  firstTimes,
  addWebhook,
  MAY_CALL_ENDPOINTS,
  move,
  moveOften,
  range,
  sinkOf,
  startEndpoint,
  steer,
  twoReleases,
} from '../../support/worlds/sink-world.ts';
import { standstill } from '../../support/servers/standstill.ts';

let plane: ControlPlane;
let tenant: string;
let endpoint: Endpoint;

beforeAll(async () => {
  plane = await startControlPlane({ workerEnv: () => Promise.resolve(MAY_CALL_ENDPOINTS) });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
  endpoint = await startEndpoint();
  await addWebhook(plane, tenant, endpoint);
  await twoReleases(plane, tenant);
  await deliveredTo(plane, tenant, 2);
});
afterEach(async () => {
  await endpoint.server.close();
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => plane.stop());

const replayFrom = (after: number, idempotencyKey?: string) =>
  steer(plane, tenant, { kind: 'replay', after }, idempotencyKey === undefined ? {} : { idempotencyKey });
const pause = (reason: string | null = null) => steer(plane, tenant, { kind: 'pause', reason });
const resume = () => steer(plane, tenant, { kind: 'resume' });
const done = { kind: 'done', replayed: false };
const refusedOnce = () =>
  eventually(async () => (await sinkOf(plane, tenant)).failures > 0, { what: 'an attempt has failed' });

async function audited(): Promise<string[]> {
  const { rows } = await standstill(plane).sql((client) =>
    client.query<{ line: string }>(
      `SELECT format('%s %s', by, action) AS line FROM pointsman.audit WHERE tenant = $1 AND (action LIKE '%sink%' OR action = 'redeliver move') ORDER BY id`,
      [tenant],
    ),
  );
  return rows.map(({ line }) => line);
}

describe('a webhook', () => {
  test('gets every move once and in order, from publishes and from moves by hand', async () => {
    await moveOften(plane, tenant, 6);
    await deliveredTo(plane, tenant, 8);
    expect(endpoint.seqs()).toEqual(range(1, 8));
    expect(endpoint.taken()[2]).toMatchObject({
      id: `${tenant}:bundle:live:3`,
      data: { generation: 3, from: { version: 2 }, to: { version: 1 } },
    });
    await eventually(
      async () => (await runningInvocations(plane, sinkKey({ tenant, sink: 'audit' }))).length === 0,
      {
        what: 'a writer with nothing to do',
      },
    );
  });

  test('that is paused gets nothing and keeps its position, and gets all moves in order after it is resumed', async () => {
    expect(await pause('maintenance')).toEqual(done);
    await moveOften(plane, tenant, 3);
    expect(await sinkOf(plane, tenant)).toMatchObject({
      deliveredSeq: 2,
      pausedBy: 'ann',
      pauseReason: 'maintenance',
    });
    expect(await resume()).toEqual(done);
    await deliveredTo(plane, tenant, 5);
    expect(endpoint.seqs()).toEqual(range(1, 5));
    expect(await audited()).toEqual(['ann set sink', 'ann pause sink', 'ann resume sink']);
  });

  test('that is replayed gets the moves after a given sequence number again, once for an idempotency key', async () => {
    expect(await replayFrom(0, 'again')).toEqual(done);
    await eventually(async () => endpoint.seqs().length === 4, { what: 'both moves, twice' });
    expect(await replayFrom(0, 'again')).toEqual({ kind: 'done', replayed: true });
    expect(await replayFrom(1, 'again')).toEqual({ kind: 'key_reused' });
    await move(plane, tenant, 1);
    await deliveredTo(plane, tenant, 3);
    expect(endpoint.seqs()).toEqual([1, 2, 1, 2, 3]);
  });

  test('cannot be replayed from a position ahead of the feed, nor from one older than the retention', async () => {
    expect(await replayFrom(3)).toEqual({ kind: 'ahead', latest: 2 });
    await standstill(plane).sql((client) =>
      client.query(
        `UPDATE pointsman.moves SET moved_at = moved_at - interval '8 days' WHERE tenant = $1 AND seq = 1`,
        [tenant],
      ),
    );
    expect(await replayFrom(0)).toEqual({ kind: 'expired', oldest: 1, latest: 2 });
    expect(await replayFrom(1)).toEqual(done);
    await eventually(async () => endpoint.seqs().length === 3, { what: 'the second move, twice' });
    expect(endpoint.seqs()).toEqual([1, 2, 2]);
  });

  test('gets a test event and a repeated move without changing its position', async () => {
    const writer = plane.ingress.client(Sink, sinkKey({ tenant, sink: 'audit' }));
    const asked = { tenant, sink: 'audit', by: 'ann', requestId: 'test' };
    const sent = await writer.send({ ...asked, what: { kind: 'test' } });
    expect(sent).toMatchObject({ kind: 'sent' });
    expect(await writer.send({ ...asked, what: { kind: 'move', seq: 1 } })).toEqual({
      kind: 'sent',
      event: `${tenant}:bundle:live:1`,
    });
    expect(await writer.send({ ...asked, what: { kind: 'move', seq: 9 } })).toEqual({ kind: 'no_move' });
    endpoint.answers(500);
    expect(await writer.send({ ...asked, what: { kind: 'test' } })).toMatchObject({ kind: 'not_sent' });
    expect(await sinkOf(plane, tenant)).toMatchObject({ deliveredSeq: 2 });
    expect(endpoint.seqs()).toEqual([1, 2, 1]);
    const attempts = await listAttempts(plane.db, tenant, 'audit', { limit: 10 });
    expect(attempts.map(({ seq, delivered }) => [seq, delivered])).toEqual([
      [null, false],
      [1, true],
      [null, true],
      [2, true],
      [1, true],
    ]);
    expect(await audited()).toEqual(['ann set sink', 'ann test sink', 'ann redeliver move', 'ann test sink']);
  });

  test('that answers 410 is paused with the reason and not called again', async () => {
    endpoint.answers(410);
    await move(plane, tenant, 1);
    await eventually(async () => (await sinkOf(plane, tenant)).pausedBy === 'pointsman/sink', {
      what: 'the pause',
    });
    expect((await sinkOf(plane, tenant)).pauseReason).toMatch(
      /^the endpoint answered 410 Gone; delivery stopped /,
    );
    await eventually(
      async () => (await runningInvocations(plane, sinkKey({ tenant, sink: 'audit' }))).length === 0,
      {
        what: 'no writer runs',
      },
    );
    expect(await audited()).toEqual(['ann set sink', 'pointsman/sink pause sink']);
    endpoint.answers(200);
    await resume();
    await deliveredTo(plane, tenant, 3);
    expect(endpoint.seqs()).toEqual(range(1, 3));
  });

  test('that has failed for three days is paused', async () => {
    endpoint.answers(500);
    await move(plane, tenant, 1);
    await refusedOnce();
    await standstill(plane).sql((client) =>
      client.query(
        `UPDATE pointsman.sinks SET failing_since = failing_since - make_interval(secs => $2) WHERE tenant = $1`,
        [tenant, sinkLimits.webhookGiveUpMs / 1_000],
      ),
    );
    await eventually(async () => (await sinkOf(plane, tenant)).pausedBy === 'pointsman/sink', {
      what: 'the pause',
    });
    expect((await sinkOf(plane, tenant)).pauseReason).toMatch(/^it has failed for 3 days: /);
  });

  test('that fails does not block its pause, and gets all moves once it is resumed', async () => {
    endpoint.answers(500);
    await move(plane, tenant, 1);
    await refusedOnce();
    expect(await pause()).toEqual(done);
    endpoint.answers(200);
    expect(await resume()).toEqual(done);
    await deliveredTo(plane, tenant, 3);
    expect(endpoint.seqs()).toEqual(range(1, 3));
  });
});

describe('a webhook gets each move at least once and in order', () => {
  test('although the worker is killed repeatedly with SIGKILL during deliveries', async () => {
    for (let death = 0; death < 3; death++) {
      const before = endpoint.server.arrived.length;
      const moving = moveOften(plane, tenant, 6);
      await eventually(async () => endpoint.server.arrived.length > before, { what: 'a delivery under way' });
      await plane.worker.kill();
      await moving;
    }
    await deliveredTo(plane, tenant, 20);
    expect(firstTimes(endpoint.seqs())).toEqual(range(1, 20));
  });

  test('although the delivering invocation is killed, because the sweep finds the due moves', async () => {
    endpoint.answers(() => undefined);
    const before = endpoint.server.arrived.length;
    await moveOften(plane, tenant, 2);
    await eventually(async () => endpoint.server.arrived.length > before, { what: 'a delivery that hangs' });
    const running = await runningInvocations(plane, sinkKey({ tenant, sink: 'audit' }));
    expect(running.length).toBeGreaterThan(0);
    endpoint.answers(200);
    for (const id of running) await plane.admin.killInvocation(id);
    await deliveredTo(plane, tenant, 4);
    expect(firstTimes(endpoint.seqs())).toEqual(range(1, 4));
  });

  test('although Restate loses its data', async () => {
    endpoint.answers(500);
    await moveOften(plane, tenant, 3);
    await refusedOnce();
    await plane.worker.down();
    await plane.restate.lose();
    await plane.worker.start();
    endpoint.answers(200);
    await deliveredTo(plane, tenant, 5);
    await move(plane, tenant, 2);
    await deliveredTo(plane, tenant, 6);
    expect(firstTimes(endpoint.seqs())).toEqual(range(1, 6));
  });
});

describe('with a sink that is down', () => {
  test('publishes to a channel with "whenDown: continue" settle immediately, and the sink catches up in order when it is back', async () => {
    endpoint.answers(503);
    for (const text of ['three', 'four', 'five']) {
      const version = await accepted(plane, tenant, { files: { 'config.json': JSON.stringify({ text }) } });
      expect((await settled(plane, tenant, version)).outcome).toBe('published');
    }
    await refusedOnce();
    expect(await sinkOf(plane, tenant)).toMatchObject({
      deliveredSeq: 2,
      lastError: expect.any(String) as string,
    });
    endpoint.answers(200);
    await deliveredTo(plane, tenant, 5);
    expect(endpoint.seqs()).toEqual(range(1, 5));
  });
});
