import { describe, expect, test } from 'vitest';

import { findReport, nextReport, recordReport } from '../../../services/postgres/hooks/commit-reports.ts';
import { endDelivery, listWaitingReports } from '../../../services/postgres/hooks/deliveries.ts';
import { deleteHook } from '../../../services/postgres/hooks/hooks.ts';
import { hookedStore } from '../../support/worlds/hooked-store.ts';
import { commitOf, REPOSITORY, setHook } from '../../support/data/hooks.ts';
import { AT } from '../../support/worlds/store.ts';

const bench = hookedStore();

describe('commit statuses', () => {
  const done = { state: 'done', detail: 'posted', at: AT } as const;

  test('a commit gets a pending status, and a final one from the transaction that settles its release', async () => {
    await bench.arrives('one');
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toEqual({
      kind: 'pending',
      outcome: null,
    });
    await recordReport(bench.store.db, bench.named('one'), 'pending', done);
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toBeNull();
    await bench.publish('one', 1);
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toEqual({
      kind: 'final',
      outcome: 'published',
    });
    expect(await findReport(bench.store.db, bench.named('one'), 'final')).toMatchObject({
      repository: REPOSITORY,
      commit: commitOf('one'),
      bundle: 'bundle',
      channel: 'live',
      version: 1,
      token: 'sealed token',
    });
    expect(await bench.ledger(1)).toMatchObject([
      { state: 'started', detail: `${REPOSITORY}@${commitOf('one')}` },
    ]);
    await recordReport(bench.store.db, bench.named('one'), 'final', done);
    expect(await bench.ledger(1)).toMatchObject([{ state: 'done' }]);
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toBeNull();
  });

  test('a pending status is not sent after the final status exists', async () => {
    await bench.publish('one', 1);
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toMatchObject({ kind: 'final' });
  });

  test('a release that is superseded or cancelled in the queue gets its final status', async () => {
    await bench.arrives('one');
    await bench.admit('one', 1);
    await bench.arrives('two');
    await bench.admit('two', 2, { placement: 'queue', inFlight: 1 });
    await bench.arrives('three');
    await bench.admit('three', 3, { supersedes: [1, 2] });
    expect(await nextReport(bench.store.db, bench.named('two'), AT)).toEqual({
      kind: 'final',
      outcome: 'superseded',
    });
    expect(await findReport(bench.store.db, bench.named('two'), 'final')).toMatchObject({
      reason: 'superseded by v3',
    });
    await bench.arrives('four');
    await bench.admit('four', 4, { placement: 'queue', inFlight: 3 });
    await bench.store.admissions.requestCancel(bench.release(4), { by: 'ann', reason: 'no', at: AT });
    expect(await nextReport(bench.store.db, bench.named('four'), AT)).toEqual({
      kind: 'final',
      outcome: 'cancelled',
    });
  });

  test('a delivery without a release gets a final status with the reason, rejected or errored', async () => {
    await bench.arrives('one');
    await endDelivery(bench.store.db, bench.named('one'), 'refused', 'no files', AT);
    expect(await findReport(bench.store.db, bench.named('one'), 'final')).toMatchObject({
      outcome: 'rejected',
      reason: 'no files',
      version: null,
    });
    await bench.arrives('two');
    await endDelivery(bench.store.db, bench.named('two'), 'failed', 'away', AT);
    expect(await nextReport(bench.store.db, bench.named('two'), AT)).toEqual({
      kind: 'final',
      outcome: 'errored',
    });
  });

  test('a status that could not be sent is recorded as failed in the ledger, and only the first result counts', async () => {
    await bench.publish('one', 1);
    await recordReport(bench.store.db, bench.named('one'), 'final', {
      state: 'failed',
      detail: 'answered 404',
      at: AT,
    });
    await recordReport(bench.store.db, bench.named('one'), 'final', done);
    expect(await bench.ledger(1)).toMatchObject([
      { state: 'failed', detail: expect.stringContaining('answered 404') },
    ]);
  });

  test('only the latest hook delivery of a commit sends statuses', async () => {
    await bench.publish('one', 1);
    await bench.arrives('two', { commit: commitOf('one') });
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toBeNull();
    expect(await bench.ledger(1)).toMatchObject([
      { state: 'failed', detail: expect.stringContaining('a later delivery') },
    ]);
    expect(await nextReport(bench.store.db, bench.named('two'), AT)).toMatchObject({ kind: 'pending' });
  });

  test('a status is not sent without a token, or after the hook was deleted', async () => {
    await setHook(bench.store.db, bench.tenant, { token: null, dropToken: true });
    await bench.publish('one', 1);
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toBeNull();
    expect(await bench.ledger(1)).toEqual([]);
    await setHook(bench.store.db, bench.tenant, { token: 'again' });
    await bench.publish('two', 2);
    await deleteHook(bench.store.db, bench.tenant, 'main', { by: 'ann', requestId: 'x', at: AT });
    expect(await findReport(bench.store.db, bench.named('two'), 'final')).toBeNull();
    expect(await nextReport(bench.store.db, bench.named('two'), AT)).toBeNull();
    expect(await bench.ledger(2)).toMatchObject([
      { state: 'failed', detail: expect.stringContaining('the hook was deleted') },
    ]);
  });

  test('a status is not sent after the hook was changed to another repository', async () => {
    await bench.publish('one', 1);
    await setHook(bench.store.db, bench.tenant, { repository: 'octo/other' });
    expect(await findReport(bench.store.db, bench.named('one'), 'final')).toBeNull();
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toBeNull();
    expect(await bench.ledger(1)).toMatchObject([
      { state: 'failed', detail: expect.stringContaining('another repository') },
    ]);
  });

  test('a generic hook sends statuses only if it has an API URL', async () => {
    await setHook(bench.store.db, bench.tenant, {
      provider: 'generic',
      apiUrl: 'https://ci.example/status',
      token: null,
      dropToken: true,
    });
    await bench.arrives('one', { provider: 'generic' });
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toMatchObject({ kind: 'pending' });
    await setHook(bench.store.db, bench.tenant, { provider: 'generic', token: null });
    await bench.arrives('two', { provider: 'generic' });
    expect(await nextReport(bench.store.db, bench.named('two'), AT)).toBeNull();
  });

  test('statuses that wait to be sent are listed for all tenants', async () => {
    const before = await listWaitingReports(bench.store.db, { limit: 10_000 });
    await bench.arrives('one');
    const found = await listWaitingReports(bench.store.db, { limit: 10_000, after: before.at(-1)?.seq ?? 0 });
    expect(found).toMatchObject([{ tenant: bench.tenant, hook: 'main', delivery: 'one' }]);
  });
});
