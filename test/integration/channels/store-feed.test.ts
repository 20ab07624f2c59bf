import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { contradictions } from '../../support/runs/record-check.ts';
import {
  AT,
  connect,
  newTenant,
  readyToSwap,
  repeated,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

const Seqs = z.array(z.object({ seq: z.coerce.number() }));

test('concurrent moves of 20 bundles, among transactions that roll back, number the feed without gaps, and a reader of the feed misses no move', async () => {
  const tenant = await newTenant(store);
  const bundles = Array.from({ length: 20 }, (_none, i) => `bundle-${i}`);
  for (const bundle of bundles) await readyToSwap(store, { tenant, bundle, version: 1 });

  const seen: number[] = [];
  const moved = new AbortController();
  const reader = (async () => {
    while (!moved.signal.aborted || seen.length < bundles.length) {
      const rows = await store.db.call(
        tenant,
        'SELECT seq FROM moves WHERE tenant = $1 AND seq > $2 ORDER BY seq',
        [tenant, seen.at(-1) ?? 0],
      );
      seen.push(...Seqs.parse(rows).map(({ seq }) => seq));
    }
  })();
  const spoiler = await connect(store.postgres.appUrl);
  const spoil = (async () => {
    while (!moved.signal.aborted) {
      await spoiler.query('BEGIN');
      await spoiler.query(`SELECT set_config('pointsman.tenant', $1, true)`, [tenant]);
      await spoiler.query('UPDATE pointsman.tenants SET feed_seq = feed_seq + 1 WHERE tenant = $1', [tenant]);
      await spoiler.query('ROLLBACK');
    }
  })();
  const answers = await Promise.all(
    bundles.map((bundle) =>
      repeated(() =>
        store.moves.moveByRelease({
          tenant,
          bundle,
          version: 1,
          channel: 'live',
          expectedGeneration: 0,
          at: AT,
        }),
      ),
    ),
  );
  moved.abort();
  await Promise.all([reader, spoil]);
  await spoiler.end();

  const order = Array.from({ length: 20 }, (_none, i) => i + 1);
  const given = answers.map((answer) => (answer.kind === 'moved' ? answer.seq : 0));
  expect(given.toSorted((a, b) => a - b)).toEqual(order);
  expect(seen).toEqual(order);
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
});
