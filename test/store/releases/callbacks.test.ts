import { describe, expect, test } from 'vitest';

import type { CompileReport } from '../../../packages/protocol/callouts/compile-job.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { calloutKey } from '../../../core/callout.ts';
import { findCallback } from '../../../services/postgres/releases/callbacks.ts';
import { callbackStore } from '../../support/worlds/callback-store.ts';

const world = callbackStore();

const broken: CompileReport = { status: 'failed', message: 'out of disk' };
const close = (version: number) =>
  world.bench.store.settlements.close(world.bench.release(version), {
    outcome: 'errored',
    yieldsToIntent: false,
    reason: 'x',
    stage: 'compile',
    at: world.bench.openedAt,
  });

describe('the capability in a callback address', () => {
  test('a callback is found by the hash of its capability, and the capability itself is not stored', async () => {
    const callout = await world.compiling();
    const id = { tenant: world.bench.tenant, id: calloutKey(callout) };
    expect(await findCallback(world.bench.store.db, `capability of ${id.id}`)).toEqual(id);
    expect(await findCallback(world.bench.store.db, 'another')).toBeNull();
    const { rows } = await world.bench.store.owner.query(
      'SELECT to_jsonb(c)::text AS row FROM pointsman.callbacks c',
    );
    expect(JSON.stringify(rows)).not.toContain('capability of');
  });

  test('a repeated step with the same capability keeps it, and a step with a new capability replaces it', async () => {
    const callout = await world.compiling();
    expect((await world.open(callout)).kind).toBe('open');
    expect((await world.open(callout, { capability: 'second' })).kind).toBe('open');
    expect(await findCallback(world.bench.store.db, `capability of ${calloutKey(callout)}`)).toBeNull();
    expect(await findCallback(world.bench.store.db, 'second')).not.toBeNull();
  });

  test('a request that has arrived keeps its capability, and its report resolves the current awakeable', async () => {
    const callout = await world.compiling();
    await world.callbacks.recordRequested(callout, 'taken', world.bench.openedAt);
    expect(await world.open(callout, { capability: 'second', awakeableId: 'sign_2' })).toEqual({
      kind: 'asked',
    });
    expect(await world.report(callout, broken)).toMatchObject({ kind: 'taken', awakeableId: 'sign_2' });
  });
});

describe('a report to a callback', () => {
  test('of twenty concurrent identical reports one is recorded, and the others are replays', async () => {
    const callout = await world.compiling();
    const said = await world.whole('a');
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.report(callout, said)));
    expect(answers.filter(({ kind }) => kind === 'taken')).toHaveLength(20);
    expect(answers.filter((one) => one.kind === 'taken' && !one.replayed)).toHaveLength(1);
    const { rows } = await world.bench.store.owner.query(
      `SELECT FROM pointsman.audit WHERE tenant = $1 AND action = 'compile report'`,
      [world.bench.tenant],
    );
    expect(rows).toHaveLength(1);
  });

  test('of two different concurrent reports the first is recorded, and the other returns the recorded one', async () => {
    const callout = await world.compiling();
    const both = await Promise.all([
      world.report(callout, broken),
      world.report(callout, await world.whole('a')),
    ]);
    expect(both.map(({ kind }) => kind).toSorted()).toEqual(['taken', 'used']);
    const ended = await world.end(callout);
    const used = both.find((one) => one.kind === 'used');
    expect(used).toMatchObject({ result: ended.kind === 'failed' ? 'failed' : 'compiled' });
  });

  test('a repeated report changes nothing, even after the attempt has ended and the deadline has passed', async () => {
    const callout = await world.compiling();
    const said = await world.whole('a');
    await world.report(callout, said);
    expect(await world.end(callout)).toEqual({ kind: 'compiled' });
    const late = world.deadlineMs + 1;
    expect(await world.report(callout, said, late)).toMatchObject({ kind: 'taken', replayed: true });
    expect(await world.report(callout, broken, late)).toMatchObject({ kind: 'used', result: 'compiled' });
    expect(await world.end(callout)).toMatchObject({ kind: 'compiled' });
  });

  test('a report at or after the deadline is refused as expired', async () => {
    const callout = await world.compiling();
    expect(await world.report(callout, broken, world.deadlineMs)).toEqual({
      kind: 'expired',
      deadlineAt: new Date(world.deadlineMs).toISOString(),
    });
    expect(await world.report(callout, broken, world.deadlineMs - 1)).toMatchObject({ kind: 'taken' });
  });

  test('a report to an ended attempt is refused, and the next attempt has its own callback', async () => {
    const callout = await world.compiling();
    expect(await world.end(callout)).toMatchObject({ kind: 'failed', final: false });
    expect(await world.report(callout, broken)).toMatchObject({ kind: 'revoked' });
    const next = world.compile(1, 2);
    await world.open(next);
    expect(await world.report(next, await world.whole('a'))).toMatchObject({ kind: 'taken' });
    expect(await world.end(next)).toMatchObject({ kind: 'compiled' });
  });

  test('a report through the callback of another release is refused', async () => {
    const [mine, theirs] = [await world.compiling(1), await world.compiling(2)];
    const crossed = world.callbacks.recordReport(theirs.id, {
      callback: calloutKey(mine),
      report: { purpose: 'compile', content: broken },
      fingerprint: digestOf('x'),
      requestId: 'x',
      at: world.bench.openedAt,
    });
    await expect(crossed).rejects.toThrow('refused a statement');
    expect(await world.callbacks.isOpen(mine)).toBe(true);
  });

  test.each([1, 2])(
    'a report is refused after its release is closed, and the close lists the request as an effect to undo (release %i)',
    async (n) => {
      const callout = await world.compiling(n);
      if (n === 2) await world.callbacks.recordRequested(callout, 'taken', world.bench.openedAt);
      expect(await close(n)).toMatchObject({ kind: 'closing', effects: ['compile-request'] });
      expect(await world.report(callout, broken)).toEqual({
        kind: 'revoked',
        reason: 'its release has been closed',
      });
      await world.bench.store.settlements.undo(callout.id, 'compile-request');
      await world.callbacks.recordRequested(callout, 'taken', world.bench.openedAt);
      expect(
        await world.callbacks.giveUp(callout, { reason: 'late', final: true, at: world.bench.openedAt }),
      ).toBe(false);
      expect(await world.effects(n)).toEqual(['compile-request compensated']);
      await world.bench.store.settlements.settle(callout.id, world.bench.openedAt);
      expect(await world.report(callout, broken)).toMatchObject({ kind: 'revoked' });
      expect(await world.end(callout)).toEqual({ kind: 'closed' });
    },
  );

  test('a report is refused after its release was cancelled or superseded, with the reason', async () => {
    const callout = await world.compiling();
    const request = { by: 'ann', reason: 'wrong file', at: world.bench.openedAt };
    await world.bench.store.admissions.requestCancel(callout.id, request);
    expect(await world.report(callout, broken)).toEqual({
      kind: 'revoked',
      reason: 'cancelled by ann: wrong file',
    });
    expect(await world.open(world.compile(1, 2))).toEqual({ kind: 'over' });
  });
});
