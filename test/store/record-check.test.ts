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

// Tests the check of the database's invariants, which other tests use. Each kind of damage must cause its own
// complaint.

let store: Store;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

/** Creates four releases: v1 and v2 are published, v3 is ready to swap, and v4 is only admitted. */
beforeEach(async () => {
  tenant = await newTenant(store);
  await published(store, release(1));
  await published(store, release(2));
  await readyToSwap(store, release(3));
  await admitted(store, release(4));
});

const release = (version: number) => ({ tenant, bundle: 'bundle', version });

/**
 * Makes changes that bypass every trigger and foreign key, as a damaged disk, a wrong restore or a bug could. Returns
 * the complaints of the check, and rolls the changes back.
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

test('the record check of a consistent database finds no contradiction', async () => {
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});

test.each<[string, string[], RegExp]>([
  [
    'a missing generation',
    [
      `UPDATE moves SET generation = 3 ${OF} AND generation = 2`,
      `UPDATE pointers SET generation = 3 ${OF}`,
      `UPDATE releases SET generation = 3 ${OF} AND version = 2`,
    ],
    /generation 3 follows 1/,
  ],
  [
    'a move that does not start where the previous move ended',
    [`UPDATE moves SET from_version = 2 ${OF} AND generation = 2`],
    /move 2 comes from 2, the one before went to 1/,
  ],
  [
    'a missing number in the feed',
    [`UPDATE moves SET seq = 9 ${OF} AND seq = 2`],
    /the feed jumps from 1 to 9/,
  ],
  [
    'a pointer that differs from the target of its last move',
    [`UPDATE pointers SET version = 1 ${OF}`],
    /the pointer is at generation 2/,
  ],
  [
    'a pointer whose artifact differs from that of its last move',
    [
      `UPDATE moves SET to_digest = (SELECT to_digest FROM moves ${OF} AND generation = 1) ${OF} AND generation = 2`,
    ],
    /names another artifact than its last move/,
  ],
  [
    'a release that was live but is recorded as failed',
    [`UPDATE releases SET outcome = 'errored', generation = NULL, seq = NULL ${OF} AND version = 1`],
    /v1 settled as errored, and is or was live/,
  ],
  [
    'a release that is recorded as published but never moved a pointer',
    [
      `UPDATE releases SET status = 'settled', settled_at = now(), outcome = 'published', generation = 9, seq = 9 ${OF} AND version = 4`,
    ],
    /v4 is said to be published, and never moved a pointer/,
  ],
  [
    'a failed release with an effect that was not undone',
    [
      `UPDATE releases SET status = 'settled', settled_at = now(), outcome = 'errored', closing = true ${OF} AND version = 3`,
    ],
    /v3 settled as errored with effect artifact-claim done/,
  ],
  [
    'a published release with an effect whose result is unknown',
    [`UPDATE effects SET state = 'started' ${OF} AND version = 1 AND effect = 'announcement'`],
    /v1 settled as published with effect announcement begun/,
  ],
  [
    'a release that was published although a gate had failed',
    [
      `INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, state, opened_at, deadline_at, decided_at)
       VALUES ($TENANT, 'bundle', 1, 'e2e', 1, 'check', '{}', 'failed', now(), now(), now())`,
    ],
    /v1 was published past its gate e2e, which is failed/,
  ],
  [
    'an open gate of a settled release',
    [
      `INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, state, opened_at, deadline_at)
       VALUES ($TENANT, 'bundle', 1, 'e2e', 1, 'check', '{}', 'open', now(), now())`,
    ],
    /v1 settled as published, and its gate e2e is still open/,
  ],
  [
    'an approval gate that passed without enough approvals',
    [
      `INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, state, base_generation, opened_at, deadline_at, decided_at)
       VALUES ($TENANT, 'bundle', 1, 'ok', 1, 'approval', '{"count": 1, "notAuthor": true}', 'passed', 0, now(), now(), now())`,
    ],
    /the gate ok passed with too few approvals/,
  ],
  [
    'an open callback of a settled release',
    [
      `INSERT INTO callbacks (tenant, id, bundle, version, purpose, subject, deadline_at, sha256)
       VALUES ($TENANT, 'one', 'bundle', 1, 'check', 'e2e', now(), repeat('a', 64))`,
    ],
    /v1 settled as published, and still listens for one/,
  ],
  [
    'a report for a request that was never made',
    [
      `INSERT INTO callbacks (tenant, id, bundle, version, purpose, subject, deadline_at, sha256, state, closed_at, report, fingerprint)
       VALUES ($TENANT, 'one', 'bundle', 1, 'check', 'e2e', now(), repeat('b', 64), 'used', now(), '{}', 'x')`,
    ],
    /one was answered, and its request is said to be/,
  ],
  [
    'a missing blob',
    [
      `DELETE FROM blobs b USING pointers p, artifact_blobs a WHERE b.tenant = $TENANT AND p.tenant = b.tenant
      AND (a.tenant, a.artifact) = (p.tenant, p.digest) AND b.digest = a.digest`,
    ],
    /is missing or not what its digest says/,
  ],
  [
    'an artifact that lacks a blob of its manifest',
    [
      `DELETE FROM artifact_blobs a USING pointers p WHERE a.tenant = $TENANT AND (a.tenant, a.artifact) = (p.tenant, p.digest)`,
    ],
    /is not in the list of its blobs/,
  ],
  [
    'a pointer to an artifact that its release did not store',
    [`DELETE FROM release_artifacts ${OF} AND version = 2`],
    /names an artifact that v2 has not brought/,
  ],
])('the record check finds %s', async (_what, changes, complaint) => {
  const complaints = await complaintsAfter(...changes);
  expect(complaints.join('\n')).toMatch(complaint);
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});
