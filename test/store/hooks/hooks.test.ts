import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { hookLimits } from '../../../core/limits/limits.ts';
import { nextReport } from '../../../services/postgres/hooks/commit-reports.ts';
import {
  endDelivery,
  listDeliveries,
  listUnendedDeliveries,
  openDelivery,
} from '../../../services/postgres/hooks/deliveries.ts';
import { deleteHook, findHook, listHooks } from '../../../services/postgres/hooks/hooks.ts';
import { forgetKeys } from '../../../services/postgres/upkeep/retention.ts';
import { hookedStore } from '../../support/worlds/hooked-store.ts';
import { commitOf, originOf, receive, REPOSITORY, setHook } from '../../support/data/hooks.ts';
import { limitTenant } from '../../support/data/quotas.ts';
import { AT, newTenant } from '../../support/worlds/store.ts';

const bench = hookedStore();

describe('a hook', () => {
  test('a hook is stored as it was set, and its secrets change only if new ones are given', async () => {
    expect(
      await setHook(bench.store.db, bench.tenant, {
        secret: null,
        token: null,
        ref: 'refs/tags/v*',
        path: 'config',
      }),
    ).toMatchObject({
      kind: 'saved',
      created: false,
    });
    expect(await findHook(bench.store.db, bench.tenant, 'main')).toMatchObject({
      ref: 'refs/tags/v*',
      path: 'config',
      secret: 'sealed secret',
      token: 'sealed token',
    });
    await setHook(bench.store.db, bench.tenant, { secret: 'another', token: null, dropToken: true });
    expect(await findHook(bench.store.db, bench.tenant, 'main')).toMatchObject({
      secret: 'another',
      token: null,
    });
  });

  test('a new hook needs a secret', async () => {
    expect(await setHook(bench.store.db, bench.tenant, { hook: 'new', secret: null })).toEqual({
      kind: 'secret_needed',
    });
  });

  test('a hook does not keep its token when its API or its provider changes', async () => {
    const elsewhere = { apiUrl: 'https://evil.example' };
    expect(await setHook(bench.store.db, bench.tenant, { token: null, ...elsewhere })).toEqual({
      kind: 'token_needed',
    });
    expect(await setHook(bench.store.db, bench.tenant, { token: null, provider: 'gitlab' })).toEqual({
      kind: 'token_needed',
    });
    expect(await setHook(bench.store.db, bench.tenant, { token: 'new', ...elsewhere })).toMatchObject({
      kind: 'saved',
    });
    expect(await setHook(bench.store.db, bench.tenant, { token: null, dropToken: true })).toMatchObject({
      kind: 'saved',
    });
  });

  test('a hook is set once per idempotency key, and another request with that key is refused', async () => {
    const request = { hook: 'keyed', idempotencyKey: 'k', fingerprint: digestOf('a') };
    expect(await setHook(bench.store.db, bench.tenant, request)).toMatchObject({
      kind: 'saved',
      replayed: false,
    });
    expect(await setHook(bench.store.db, bench.tenant, request)).toMatchObject({
      kind: 'saved',
      replayed: true,
    });
    const other = { ...request, fingerprint: digestOf('b') };
    expect(await setHook(bench.store.db, bench.tenant, other)).toEqual({ kind: 'key_reused' });
  });

  test('hooks are limited in number, sorted by name, and gone after deletion', async () => {
    await limitTenant(bench.store.db, bench.tenant, { hooks: 2 });
    expect(await setHook(bench.store.db, bench.tenant, { hook: 'a' })).toMatchObject({ kind: 'saved' });
    expect(await setHook(bench.store.db, bench.tenant, { hook: 'b' })).toEqual({
      kind: 'quota_exceeded',
      quota: 'hooks',
      used: 2,
      limit: 2,
    });
    expect((await listHooks(bench.store.db, bench.tenant, { limit: 10 })).map(({ hook }) => hook)).toEqual([
      'a',
      'main',
    ]);
    const by = { by: 'ann', requestId: 'x', at: AT };
    expect(await deleteHook(bench.store.db, bench.tenant, 'a', by)).toBe(true);
    expect(await deleteHook(bench.store.db, bench.tenant, 'a', by)).toBe(false);
    expect(await findHook(bench.store.db, bench.tenant, 'a')).toBeNull();
  });

  test('the audit contains no secret, whether encrypted or not', async () => {
    const { rows } = await bench.store.owner.query<{ detail: unknown }>(
      `SELECT detail FROM pointsman.audit WHERE tenant = $1 AND action = 'set hook'`,
      [bench.tenant],
    );
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).toContain(REPOSITORY);
    expect(JSON.stringify(rows)).not.toContain('sealed');
  });
});

describe('a hook delivery', () => {
  test('a delivery is recorded once for its id, and a repeat returns its current state', async () => {
    expect(await bench.arrives('one')).toMatchObject({ kind: 'received', delivery: { state: 'received' } });
    expect(await bench.arrives('one')).toMatchObject({ kind: 'replayed', delivery: { state: 'received' } });
    await bench.admit('one', 1);
    expect(await bench.arrives('one')).toMatchObject({
      kind: 'replayed',
      delivery: { state: 'published', version: 1 },
    });
    expect(await bench.arrives('one', { fingerprint: digestOf('other') })).toEqual({ kind: 'key_reused' });
  });

  test('a delivery that publishes nothing is recorded with the reason, and no commit status is sent', async () => {
    await bench.arrives('one', { ignored: 'a ping', repository: null, ref: null, commit: null });
    expect(await bench.find('one')).toMatchObject({ state: 'ignored', reason: 'a ping', commit: null });
    expect(await nextReport(bench.store.db, bench.named('one'), AT)).toBeNull();
  });

  test('opening a delivery returns the hook’s settings and the policy’s conflict rule, and marks it as fetching', async () => {
    const policy = { channels: { live: { onConflict: 'queue', gates: [] } }, compile: { executor: 'local' } };
    const sql =
      'INSERT INTO pointsman.policies (tenant, version, document, by, at) VALUES ($1, 1, $2, $3, now())';
    await bench.store.owner.query(sql, [bench.tenant, policy, 'ann']);
    await setHook(bench.store.db, bench.tenant, { repository: 'Octo/Bot', token: 'new' });
    await bench.arrives('one', { path: 'config' });
    const opened = {
      kind: 'open',
      repository: 'Octo/Bot',
      path: 'config',
      token: 'new',
      onConflict: 'queue',
    };
    expect(await openDelivery(bench.store.db, bench.named('one'), AT)).toMatchObject({
      ...opened,
      commit: commitOf('one'),
    });
    expect(await bench.find('one')).toMatchObject({ state: 'fetching' });
    expect(await openDelivery(bench.store.db, bench.named('one'), AT)).toMatchObject(opened);
  });

  test('a delivery is refused if its hook was deleted or now has another repository', async () => {
    await bench.arrives('one');
    await setHook(bench.store.db, bench.tenant, { repository: 'octo/other' });
    expect(await openDelivery(bench.store.db, bench.named('one'), AT)).toMatchObject({ kind: 'refused' });
    await deleteHook(bench.store.db, bench.tenant, 'main', { by: 'ann', requestId: 'x', at: AT });
    expect(await openDelivery(bench.store.db, bench.named('one'), AT)).toMatchObject({
      kind: 'refused',
      reason: 'the hook was deleted',
    });
  });

  test('the transaction that admits a release marks its hook delivery as published, and the release refers to the push', async () => {
    await bench.arrives('one');
    expect(await bench.admit('one', 1)).toMatchObject({ kind: 'accepted', version: 1 });
    expect(await bench.find('one')).toMatchObject({ state: 'published', version: 1, reason: null });
    const { rows } = await bench.store.owner.query(
      'SELECT origin FROM pointsman.releases WHERE tenant = $1',
      [bench.tenant],
    );
    expect(rows).toEqual([{ origin: originOf(bench.named('one')) }]);
    expect(await openDelivery(bench.store.db, bench.named('one'), AT)).toMatchObject({
      kind: 'ended',
      delivery: { version: 1 },
    });
    expect(await endDelivery(bench.store.db, bench.named('one'), 'failed', 'too late', AT)).toMatchObject({
      state: 'published',
    });
  });

  test('a delivery that has ended is not admitted later', async () => {
    await bench.arrives('one');
    expect(await endDelivery(bench.store.db, bench.named('one'), 'failed', 'killed', AT)).toMatchObject({
      state: 'failed',
    });
    expect(await endDelivery(bench.store.db, bench.named('one'), 'refused', 'again', AT)).toMatchObject({
      state: 'failed',
      reason: 'killed',
    });
    expect(await bench.admit('one', 1)).toEqual({ kind: 'overtaken', version: null });
    expect(await bench.admit('unheard-of', 1)).toEqual({ kind: 'overtaken', version: null });
  });

  test('an older push never replaces a newer one, even if the newer one is fetched first', async () => {
    await bench.arrives('older');
    await bench.arrives('newer');
    expect(await bench.admit('newer', 1)).toMatchObject({ kind: 'accepted' });
    expect(await bench.admit('older', 2)).toEqual({ kind: 'overtaken', version: 1 });
    expect(await openDelivery(bench.store.db, bench.named('older'), AT)).toEqual({
      kind: 'refused',
      reason: 'a later push has come before it, as v1',
    });
  });

  test('pushes are ordered by the provider’s time of the push if there is one, not by arrival', async () => {
    await bench.arrives('newer', { pushedAt: 200 });
    await bench.arrives('older', { pushedAt: 100 });
    await bench.admit('newer', 1);
    expect(await bench.admit('older', 2)).toEqual({ kind: 'overtaken', version: 1 });
    await bench.arrives('newest', { pushedAt: 201 });
    expect(await bench.admit('newest', 2)).toMatchObject({ kind: 'accepted' });
  });

  test('deliveries are listed newest first, in pages', async () => {
    for (const id of ['a', 'b', 'c']) await bench.arrives(id);
    const first = await listDeliveries(bench.store.db, bench.tenant, 'main', { limit: 2 });
    expect(first.map(({ delivery }) => delivery)).toEqual(['c', 'b']);
    const rest = await listDeliveries(bench.store.db, bench.tenant, 'main', {
      before: first[1]!.seq,
      limit: 2,
    });
    expect(rest.map(({ delivery }) => delivery)).toEqual(['a']);
  });

  test('a new delivery deletes deliveries that ended long ago, and never those that have not ended', async () => {
    const now = Date.now();
    const longAgo = now - hookLimits.keptMs - 1;
    await bench.arrives('ended', { at: longAgo, ignored: 'x' });
    await bench.arrives('open', { at: longAgo });
    await bench.arrives('to-be-told', { at: longAgo });
    await endDelivery(bench.store.db, bench.named('to-be-told'), 'refused', 'x', longAgo);
    await bench.arrives('in-flight', { at: longAgo });
    await bench.admit('in-flight', 1, { at: longAgo });
    await bench.arrives('recent', { at: now, ignored: 'x' });
    const left = await listDeliveries(bench.store.db, bench.tenant, 'main', { limit: 100 });
    expect(left.map(({ delivery }) => delivery)).toEqual(['recent', 'in-flight', 'to-be-told', 'open']);
  });

  test('each new delivery examines ten old deliveries in turn, so those that must be kept do not block the deletion of others', async () => {
    const now = Date.now();
    const longAgo = now - hookLimits.keptMs - 1;
    for (let n = 0; n < 12; n++) await bench.arrives(`open-${n}`, { at: longAgo });
    for (let n = 0; n < 3; n++) await bench.arrives(`ended-${n}`, { at: longAgo, ignored: 'x' });
    await bench.arrives('first', { at: now, ignored: 'x' });
    expect(await bench.find('ended-2')).toBeDefined();
    await bench.arrives('second', { at: now, ignored: 'x' });
    const left = await listDeliveries(bench.store.db, bench.tenant, 'main', { limit: 100 });
    expect(left.map(({ delivery }) => delivery).filter((name) => name.startsWith('ended'))).toEqual([]);
    // The second delivery reached the end of the old deliveries, so the third one starts again with the oldest.
    await endDelivery(bench.store.db, bench.named('open-0'), 'refused', 'x', longAgo);
    await bench.store.owner.query('DELETE FROM pointsman.commit_reports WHERE tenant = $1', [bench.tenant]);
    await bench.arrives('third', { at: now, ignored: 'x' });
    expect(await bench.find('open-0')).toBeUndefined();
  });

  test('an old push that is sent again after its deletion never replaces the release of a later push', async () => {
    const now = Date.now();
    const longAgo = now - hookLimits.keptMs - 1;
    for (const [version, delivery] of ['older', 'newest'].entries()) {
      await bench.arrives(delivery, { at: longAgo, pushedAt: version });
      await bench.admit(delivery, version + 1, { at: longAgo });
      await bench.store.settlements.close(bench.release(version + 1), {
        outcome: 'rejected',
        yieldsToIntent: false,
        reason: 'x',
        stage: null,
        at: longAgo,
      });
      await bench.store.settlements.settle(bench.release(version + 1), longAgo);
    }
    await bench.store.owner.query('DELETE FROM pointsman.commit_reports WHERE tenant = $1', [bench.tenant]);
    // Each new delivery deletes a few old ones.
    for (const later of ['one', 'two']) await bench.arrives(later, { at: now, ignored: 'x' });
    expect(await bench.find('older')).toBeUndefined();
    expect(await bench.find('newest')).toMatchObject({ state: 'published', version: 2 });
    while ((await forgetKeys(bench.store.db, now)) > 0);
    await bench.arrives('older', { at: now, pushedAt: 0 });
    expect(await bench.admit('older', 3, { at: now })).toEqual({ kind: 'overtaken', version: 2 });
  });

  test('unended deliveries of all tenants are listed in order of arrival', async () => {
    const other = await newTenant(bench.store);
    const long = Date.now() - 60_000;
    await bench.arrives('a', { at: long });
    await receive(bench.store.db, { tenant: other, hook: 'main', delivery: 'b' }, { at: long });
    await bench.arrives('ended', { at: long, ignored: 'x' });
    await bench.arrives('young');
    const all = await listUnendedDeliveries(bench.store.db, { olderThan: Date.now() - 1_000, limit: 1_000 });
    const ours = all.filter((one) => one.tenant === bench.tenant || one.tenant === other);
    expect(ours.map(({ delivery }) => delivery)).toEqual(['a', 'b']);
    const after = await listUnendedDeliveries(bench.store.db, {
      olderThan: Date.now(),
      limit: 1,
      after: ours[0]!.seq,
    });
    expect(after).toMatchObject([{ delivery: 'b' }]);
  });
});
