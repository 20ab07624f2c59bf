import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import {
  AT,
  admitted,
  connect,
  newTenant,
  published,
  putArtifact,
  readyToSwap,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

// Tests changes that the database itself refuses. It must refuse them even to a handler with a bug, or to a person
// who has the app's password and an SQL prompt.

let store: Store;
let app: Client;
let tenant: string;
let live: string;

/**
 * Creates five releases: v1 and v2 are published, v3 settled with an error, v4 is ready to swap, and v5 is only
 * admitted.
 */
beforeAll(async () => {
  store = await startStore();
  app = await connect(store.postgres.appUrl);
  tenant = await newTenant(store);
  await published(store, release(1));
  live = await published(store, release(2));
  await readyToSwap(store, release(3));
  const close = { outcome: 'errored', yieldsToIntent: false, reason: 'x', stage: null, at: AT } as const;
  await store.settlements.close(release(3), close);
  await store.settlements.undo(release(3), 'artifact-claim');
  await store.settlements.settle(release(3), AT);
  await readyToSwap(store, release(4));
  await admitted(store, release(5));
});
afterAll(async () => {
  await app.end();
  await store.stop();
});

const release = (version: number) => ({ tenant, bundle: 'bundle', version });

/**
 * Executes the statements as that role, with the checks that a commit would run. Returns the code of PostgreSQL's
 * error, or null if the statements are accepted.
 */
async function refusal(client: Client, ...statements: string[]): Promise<string | null> {
  await client.query('BEGIN');
  try {
    await client.query('SET LOCAL search_path = pointsman');
    await client.query(`SELECT set_config('pointsman.tenant', $1, true)`, [tenant]);
    let rows = 0;
    for (const statement of statements) rows += (await client.query(statement)).rowCount ?? 0;
    if (rows === 0) throw new Error(`touched nothing: ${statements.join('; ')}`);
    // Runs the deferred checks now, as a commit would. The transaction is then rolled back, so the next test finds
    // the database unchanged.
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.query('ROLLBACK');
  }
}

const everybody = (): [string, Client][] => [
  ['app', app],
  ['owner', store.owner],
];

describe('a settled release', () => {
  test.each([
    `outcome = 'published', generation = 3, seq = 3`,
    `outcome = 'cancelled'`,
    `status = 'running', settled_at = NULL`,
    `reason = 'other'`,
    `closing = false`,
    `settled_at = now()`,
    `superseded_by = 9`,
  ])('a change of a settled release is refused: %s', async (change) => {
    for (const [role, client] of everybody()) {
      expect(
        await refusal(client, `UPDATE releases SET ${change} WHERE version = 3 AND tenant = '${tenant}'`),
        role,
      ).toBe('PM001');
    }
  });

  test('a settled release has an outcome and a time, and is published if and only if it moved a pointer', async () => {
    const changes = [
      `status = 'settled', settled_at = now()`,
      `status = 'settled', outcome = 'errored'`,
      `status = 'settled', outcome = 'published', settled_at = now()`,
      `outcome = 'errored', generation = 3, seq = 3`,
      `closing = true, outcome = 'published', generation = 3, seq = 3`,
    ];
    for (const change of changes) {
      expect(await refusal(app, `UPDATE releases SET ${change} WHERE version = 4`), change).toBe('23514');
    }
  });

  test('a failed or running release can’t become live by a recorded move', async () => {
    const move = (kind: string, version: number) =>
      `INSERT INTO moves (tenant, bundle, channel, generation, seq, kind, from_version, from_digest, to_version, to_digest, by, why, moved_at)
       VALUES ('${tenant}', 'bundle', 'live', 3, 3, '${kind}', 2, '${live}', ${version}, '${live}', 'x', 'x', now())`;
    for (const kind of ['publish', 'hand']) {
      expect(await refusal(store.owner, move(kind, 3)), kind).toBe('PM004');
    }
    expect(await refusal(store.owner, move('hand', 4)), 'not settled').toBe('PM004');
    expect(await refusal(store.owner, move('publish', 1)), 'a second time').toBe('PM004');
  });
});

describe('a pointer', () => {
  const at = `WHERE tenant = $TENANT AND bundle = 'bundle' AND channel = 'live'`;
  const where = () => at.replace('$TENANT', `'${tenant}'`);

  test('a pointer changes only together with a move, and by one generation', async () => {
    const changes = [
      'generation = 3',
      'generation = 1',
      'generation = 4',
      'version = 1',
      `generation = 3, version = 1`,
    ];
    for (const change of changes) {
      for (const [role, client] of everybody()) {
        expect(await refusal(client, `UPDATE pointers SET ${change} ${where()}`), `${role}: ${change}`).toBe(
          'PM002',
        );
      }
    }
  });

  test('a new pointer starts at generation 0', async () => {
    const sql = `INSERT INTO pointers (tenant, bundle, channel, version, digest, generation) VALUES ('${tenant}', 'bundle', 'x', 1, '${live}', 1)`;
    expect(await refusal(app, sql)).toBe('PM002');
  });

  test('a move without the change of its pointer is refused at the commit', async () => {
    const move = `INSERT INTO moves (tenant, bundle, channel, generation, seq, kind, from_version, from_digest, to_version, to_digest, by, why, moved_at)
      VALUES ('${tenant}', 'bundle', 'live', 3, 3, 'hand', 2, '${live}', 1, '${live}', 'x', 'x', now())`;
    expect(await refusal(app, move)).toBe('PM003');
    const pointer = `UPDATE pointers SET generation = 3, version = 1, digest = '${live}' ${where()}`;
    expect(await refusal(app, move, pointer)).toBeNull();
  });

  test('the history of a pointer has no gaps or branches, and the feed has no missing sequence numbers', async () => {
    const move = (generation: number, seq: number, from: number) =>
      `INSERT INTO moves (tenant, bundle, channel, generation, seq, kind, from_version, from_digest, to_version, to_digest, by, why, moved_at)
       VALUES ('${tenant}', 'bundle', 'live', ${generation}, ${seq}, 'hand', ${from}, '${live}', 1, '${live}', 'x', 'x', now())`;
    expect(await refusal(store.owner, move(4, 3, 2)), 'a generation left out').toBe('PM003');
    expect(await refusal(store.owner, move(3, 4, 2)), 'a number left out').toBe('PM003');
    expect(await refusal(store.owner, move(3, 3, 1)), 'from elsewhere').toBe('PM003');
  });
});

describe('references between rows', () => {
  test('a pointer, a release and an artifact can refer only to stored content', async () => {
    const nowhere = digestOf('nowhere');
    const changes = [
      `UPDATE releases SET digest = '${nowhere}' WHERE version = 5 AND tenant = '${tenant}'`,
      `INSERT INTO artifacts VALUES ('${tenant}', '${nowhere}')`,
      `INSERT INTO artifact_blobs VALUES ('${tenant}', '${live}', 9, '${nowhere}', 'x', 1, 'x')`,
      `INSERT INTO artifact_claims VALUES ('${tenant}', '${nowhere}', 'bundle', 1)`,
      `INSERT INTO release_artifacts VALUES ('${tenant}', 'bundle', 5, '', '${nowhere}')`,
    ];
    for (const change of changes) expect(await refusal(app, change), change).toBe('23503');
  });

  test('a row that others refer to can’t be deleted, not even by the owner', async () => {
    for (const table of ['blobs', 'artifacts', 'sources', 'releases', 'bundles', 'tenants']) {
      expect(await refusal(store.owner, `DELETE FROM ${table} WHERE tenant = '${tenant}'`), table).toBe(
        '23503',
      );
    }
  });

  test('content is stored only under its own digest', async () => {
    const digest = await putArtifact(store, tenant, 'some content');
    const wrong = `INSERT INTO blobs (tenant, digest, media_type, size, content) VALUES ('${tenant}', '${digestOf('a')}', 'x', 1, 'b')`;
    expect(await refusal(app, wrong)).toBe('23514');
    const rotten = `UPDATE blobs SET content = 'x', size = 1 WHERE digest = '${digest}'`;
    expect(await refusal(store.owner, rotten)).toBe('23514');
  });
});

test('a release may advance only while it runs, and is not superseded, cancelled or closed', async () => {
  const states = `SELECT r.version, may_advance(r) AS may, is_undecided(r) AS undecided
    FROM jsonb_populate_recordset(NULL::releases, $1) r ORDER BY r.version`;
  const running = { status: 'running', closing: false };
  const rows = [
    { ...running },
    { ...running, status: 'queued' },
    { ...running, status: 'settled', outcome: 'errored' },
    { ...running, closing: true, outcome: 'errored' },
    { ...running, intent: 'superseded' },
    { ...running, intent: 'cancelled' },
  ].map((row, index) => ({ ...row, version: index + 1 }));
  await app.query('SET search_path = pointsman');
  const found = await app.query<{ may: boolean; undecided: boolean }>(states, [JSON.stringify(rows)]);
  expect(found.rows.map(({ may }) => may)).toEqual([true, false, false, false, false, false]);
  expect(found.rows.map(({ undecided }) => undecided)).toEqual([true, true, false, false, false, false]);
});
