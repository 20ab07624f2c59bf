import type { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { contradictionsSeenBy } from '../support/runs/record-check.ts';
import {
  admitted,
  newTenant,
  published,
  readyToSwap,
  startStore,
  type Store,
} from '../support/worlds/store.ts';

// What judges the record everywhere else is judged here: a record that is broken in one way gets that one complaint.

let store: Store;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

/** v1 and v2 published, v3 ready to swap, v4 admitted only. */
beforeEach(async () => {
  tenant = await newTenant(store);
  await published(store, release(1));
  await published(store, release(2));
  await readyToSwap(store, release(3));
  await admitted(store, release(4));
});

const release = (version: number) => ({ tenant, bundle: 'bundle', version });

/**
 * Complaints of a record in which that was done by force: past every trigger and foreign key, as a disk, a restore or a mistake of
 * ours could. Taken back afterwards.
 */
async function complaintsAfter(...changes: string[]): Promise<string[]> {
  const client: Client = store.owner;
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL session_replication_role = 'replica'`);
    await client.query('SET LOCAL search_path = pointsman');
    for (const change of changes) {
      const { rowCount } = await client.query(change.replaceAll('$TENANT', `'${tenant}'`));
      if (rowCount === 0) throw new Error(`touched nothing: ${change}`);
    }
    return await contradictionsSeenBy(client);
  } finally {
    await client.query('ROLLBACK');
  }
}

const OF = 'WHERE tenant = $TENANT';

test('a record that is well has no complaint', async () => {
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});

test.each<[string, string[], RegExp]>([
  [
    'a generation that is left out',
    [
      `UPDATE moves SET generation = 3 ${OF} AND generation = 2`,
      `UPDATE pointers SET generation = 3 ${OF}`,
      `UPDATE releases SET generation = 3 ${OF} AND version = 2`,
    ],
    /generation 3 follows 1/,
  ],
  [
    'a move that begins elsewhere than the one before has ended',
    [`UPDATE moves SET from_version = 2 ${OF} AND generation = 2`],
    /move 2 comes from 2, the one before went to 1/,
  ],
  [
    'a number of the feed that is left out',
    [`UPDATE moves SET seq = 9 ${OF} AND seq = 2`],
    /the feed jumps from 1 to 9/,
  ],
  [
    'a pointer that is not where its last move says',
    [`UPDATE pointers SET version = 1 ${OF}`],
    /the pointer is at generation 2/,
  ],
  [
    'a pointer whose artifact is not that of its last move',
    [
      `UPDATE moves SET to_digest = (SELECT to_digest FROM moves ${OF} AND generation = 1) ${OF} AND generation = 2`,
    ],
    /names another artifact than its last move/,
  ],
  [
    'a release that was live and is said to have failed',
    [`UPDATE releases SET outcome = 'errored', generation = NULL, seq = NULL ${OF} AND version = 1`],
    /v1 settled as errored, and is or was live/,
  ],
  [
    'a release that is said to be published and moved nothing',
    [
      `UPDATE releases SET status = 'settled', settled_at = now(), outcome = 'published', generation = 9, seq = 9 ${OF} AND version = 4`,
    ],
    /v4 is said to be published, and never moved a pointer/,
  ],
  [
    'a release that failed with an effect that stands',
    [
      `UPDATE releases SET status = 'settled', settled_at = now(), outcome = 'errored', closing = true ${OF} AND version = 3`,
    ],
    /v3 settled as errored with effect artifact-claim done/,
  ],
  [
    'a release that was published with an effect of which nobody knows',
    [`UPDATE effects SET state = 'begun' ${OF} AND version = 1 AND effect = 'announcement'`],
    /v1 settled as published with effect announcement begun/,
  ],
  [
    'a release that was published past a gate',
    [
      `INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, state, opened_at, deadline_at, decided_at)
       VALUES ($TENANT, 'bundle', 1, 'e2e', 1, 'check', '{}', 'failed', now(), now(), now())`,
    ],
    /v1 was published past its gate e2e, which is failed/,
  ],
  [
    'a gate that is open although its release has ended',
    [
      `INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, state, opened_at, deadline_at)
       VALUES ($TENANT, 'bundle', 1, 'e2e', 1, 'check', '{}', 'open', now(), now())`,
    ],
    /v1 settled as published, and its gate e2e is still open/,
  ],
  [
    'an approval gate that passed without approvals',
    [
      `INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, state, base_generation, opened_at, deadline_at, decided_at)
       VALUES ($TENANT, 'bundle', 1, 'ok', 1, 'approval', '{"count": 1, "notAuthor": true}', 'passed', 0, now(), now(), now())`,
    ],
    /the gate ok passed with too few approvals/,
  ],
  [
    'a release that has ended and still listens to somebody',
    [
      `INSERT INTO callbacks (tenant, id, bundle, version, purpose, subject, deadline_at, sha256)
       VALUES ($TENANT, 'one', 'bundle', 1, 'check', 'e2e', now(), repeat('a', 64))`,
    ],
    /v1 settled as published, and still listens for one/,
  ],
  [
    'an answer to what was never asked',
    [
      `INSERT INTO callbacks (tenant, id, bundle, version, purpose, subject, deadline_at, sha256, state, closed_at, answer, fingerprint)
       VALUES ($TENANT, 'one', 'bundle', 1, 'check', 'e2e', now(), repeat('b', 64), 'used', now(), '{}', 'x')`,
    ],
    /one was answered, and its request is said to be/,
  ],
  [
    'a blob that is gone',
    [
      `DELETE FROM blobs b USING pointers p, artifact_blobs a WHERE b.tenant = $TENANT AND p.tenant = b.tenant
      AND (a.tenant, a.artifact) = (p.tenant, p.digest) AND b.digest = a.digest`,
    ],
    /is missing or not what its digest says/,
  ],
  [
    'an artifact that lacks what its manifest names',
    [
      `DELETE FROM artifact_blobs a USING pointers p WHERE a.tenant = $TENANT AND (a.tenant, a.artifact) = (p.tenant, p.digest)`,
    ],
    /is not in the list of its blobs/,
  ],
  [
    'a pointer whose artifact no release has brought',
    [`DELETE FROM release_artifacts ${OF} AND version = 2`],
    /names an artifact that v2 has not brought/,
  ],
])('%s is found', async (_what, changes, complaint) => {
  const complaints = await complaintsAfter(...changes);
  expect(complaints.join('\n')).toMatch(complaint);
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});
