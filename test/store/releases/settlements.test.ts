import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import type { CloseRequest } from '../../../handlers/ports/settlements.ts';
import { findArtifact, findArtifactFile } from '../../../services/postgres/content/artifacts.ts';
import { storeBlobs } from '../../../services/postgres/content/blobs.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { prepareRelease, recordStage } from '../../../services/postgres/releases/stages.ts';
import { listInFlight } from '../../../services/postgres/upkeep/sweep.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  admitted,
  AT,
  newTenant,
  published,
  putArtifact,
  putCompilation,
  putSource,
  readyToSwap,
  startStore,
  type Store,
  times,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());
afterEach(async () => {
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
});

const release = (tenant: string, version: number) => ({ tenant, bundle: 'bundle', version });
const close = (tenant: string, version: number, asked: Partial<CloseRequest> = {}) =>
  store.settlements.close(release(tenant, version), {
    outcome: 'errored',
    yieldsToIntent: false,
    reason: 'it broke',
    stage: 'swap',
    at: AT,
    ...asked,
  });
const effects = async (tenant: string, version: number) =>
  (await findRelease(store.db, release(tenant, version)))?.effects.map(
    ({ effect, state }) => `${effect} ${state}`,
  );

describe('closing a release', () => {
  test('the first close decides the outcome, and a second close with another reason returns it', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    const closing = { kind: 'closing', outcome: 'errored', reason: 'it broke', effects: ['artifact-claim'] };
    expect(await close(tenant, 1)).toEqual(closing);
    expect(await close(tenant, 1, { outcome: 'rejected', reason: 'other' })).toEqual(closing);
  });

  test('a close that yields to a recorded cancellation or supersession takes the outcome, author and reason of that request', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    await admitted(store, release(tenant, 2), { supersedes: [1] });
    await store.admissions.requestCancel(release(tenant, 2), { by: 'ann', reason: 'typo', at: AT });
    const yielding = { outcome: 'cancelled', yieldsToIntent: true, reason: 'through Restate' } as const;
    expect(await close(tenant, 1, yielding)).toMatchObject({
      outcome: 'superseded',
      reason: 'superseded by v2',
    });
    expect(await close(tenant, 2, yielding)).toMatchObject({
      outcome: 'cancelled',
      reason: 'cancelled by ann: typo',
    });
    await admitted(store, release(tenant, 3));
    expect(await close(tenant, 3, yielding)).toMatchObject({
      outcome: 'cancelled',
      reason: 'through Restate',
    });
  });

  test('a close that does not yield keeps its outcome, even if a cancellation was requested before it', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    await store.admissions.requestCancel(release(tenant, 1), { by: 'ann', reason: null, at: AT });
    expect(await close(tenant, 1, { outcome: 'rejected' })).toMatchObject({
      outcome: 'rejected',
      reason: 'it broke',
    });
  });

  test('a close is too late after the pointer has moved or the release has settled', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    await store.moves.moveByRelease({
      ...release(tenant, 1),
      channel: 'live',
      expectedGeneration: 0,
      at: AT,
    });
    expect(await close(tenant, 1)).toEqual({ kind: 'settled', outcome: 'published', reason: null });
  });

  test('after the close, late stages, stored artifacts and pointer moves have no effect', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    await close(tenant, 1, { stage: 'compile' });
    const before = await findRelease(store.db, release(tenant, 1));
    await recordStage(store.db, release(tenant, 1), { ...times, stage: 'compile', state: 'passed' });
    const digest = await putArtifact(store, tenant, 'late');
    await putCompilation(store, release(tenant, 1), [{ channel: null, digest }]);
    expect(await prepareRelease(store.db, release(tenant, 1), 'live', times)).toEqual({ kind: 'closed' });
    const swap = { ...release(tenant, 1), channel: 'live', expectedGeneration: 0, at: AT };
    expect(await store.moves.moveByRelease(swap)).toEqual({ kind: 'not_current' });
    expect(await findRelease(store.db, release(tenant, 1))).toEqual(before);
    expect(before?.stages).toEqual([expect.objectContaining({ stage: 'compile', state: 'failed' })]);
  });
});

describe('undoing an effect', () => {
  test('an undo deletes the artifact claim, keeps the artifact, and is idempotent', async () => {
    const tenant = await newTenant(store);
    const digest = await readyToSwap(store, release(tenant, 1));
    await close(tenant, 1);
    await store.settlements.undo(release(tenant, 1), 'artifact-claim');
    await store.settlements.undo(release(tenant, 1), 'artifact-claim');
    expect(await effects(tenant, 1)).toEqual(['artifact-claim compensated']);
    const claims = 'SELECT FROM pointsman.artifact_claims WHERE tenant = $1';
    expect((await store.owner.query(claims, [tenant])).rowCount).toBe(0);
    expect(await findArtifact(store.db, tenant, digest)).not.toBeNull();
    expect(await close(tenant, 1)).toMatchObject({ kind: 'closing', effects: [] });
  });

  test('an undo is refused for a release that is not closed', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    await expect(store.settlements.undo(release(tenant, 1), 'artifact-claim')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('is not closed') },
    });
    expect(await effects(tenant, 1)).toEqual(['artifact-claim done']);
  });

  test('a failed undo is recorded in the ledger and can succeed later, even after the release has settled', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    await close(tenant, 1);
    await store.settlements.recordUndoFailure(release(tenant, 1), 'artifact-claim', 'no answer');
    expect(await effects(tenant, 1)).toEqual(['artifact-claim compensation_failed']);
    await store.settlements.settle(release(tenant, 1), AT);
    await store.settlements.undo(release(tenant, 1), 'artifact-claim');
    expect(await effects(tenant, 1)).toEqual(['artifact-claim compensated']);
  });

  test('a late record of a failed undo does not replace a successful one', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    await close(tenant, 1);
    await store.settlements.undo(release(tenant, 1), 'artifact-claim');
    await store.settlements.recordUndoFailure(release(tenant, 1), 'artifact-claim', 'no answer');
    expect(await effects(tenant, 1)).toEqual(['artifact-claim compensated']);
  });
});

describe('settling a release', () => {
  test('settling a release again returns the same outcome and changes nothing', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    await close(tenant, 1);
    await store.settlements.undo(release(tenant, 1), 'artifact-claim');
    const verdict = { outcome: 'errored', reason: 'it broke' };
    expect(await store.settlements.settle(release(tenant, 1), AT)).toEqual(verdict);
    const settled = await findRelease(store.db, release(tenant, 1));
    expect(await store.settlements.settle(release(tenant, 1), AT + 1)).toEqual(verdict);
    expect(await findRelease(store.db, release(tenant, 1))).toEqual(settled);
    expect(settled).toMatchObject({ status: 'settled', settledAt: new Date(AT).toISOString() });
  });

  test('a release can’t settle while it is running, or while an effect has neither been undone nor recorded as failed', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    await expect(store.settlements.settle(release(tenant, 1), AT)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('has not been closed') },
    });
    await close(tenant, 1);
    await expect(store.settlements.settle(release(tenant, 1), AT)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('effects that were not undone') },
    });
    expect(await findRelease(store.db, release(tenant, 1))).toMatchObject({
      status: 'running',
      outcome: null,
    });
  });
});

describe('preparing a release', () => {
  const prepare = (tenant: string, version: number, channel: string) =>
    prepareRelease(store.db, release(tenant, version), channel, times);

  test('a release without a compilation must be compiled first', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    expect(await prepare(tenant, 1, 'live')).toEqual({ kind: 'not_compiled' });
    expect((await findRelease(store.db, release(tenant, 1)))?.stages).toEqual([]);
  });

  test('every release of a source takes its compilation, and gets the artifact for its channel, or else the base artifact', async () => {
    const tenant = await newTenant(store);
    const { digest: source } = await putSource(store, tenant, 'source');
    await admitted(store, release(tenant, 1), { channel: 'staging', source });
    const [base, staging] = [
      await putArtifact(store, tenant, 'base'),
      await putArtifact(store, tenant, 'staging'),
    ];
    await putCompilation(store, release(tenant, 1), [
      { channel: null, digest: base },
      { channel: 'staging', digest: staging },
    ]);
    expect(await prepare(tenant, 1, 'staging')).toEqual({ kind: 'prepared', gated: false });
    expect(await prepare(tenant, 1, 'staging')).toEqual({ kind: 'prepared', gated: false });
    await admitted(store, release(tenant, 2), { channel: 'live', source });
    expect(await prepare(tenant, 2, 'live')).toEqual({ kind: 'prepared', gated: false });
    const digests = [1, 2].map(
      async (version) => (await findRelease(store.db, release(tenant, version)))?.digest,
    );
    expect(await Promise.all(digests)).toEqual([staging, base]);
    const file = await findArtifactFile(store.db, tenant, base, 'config.json');
    expect(Buffer.from(file?.head ?? []).toString()).toBe('base');
    expect(await findArtifactFile(store.db, tenant, base, 'other.json')).toBeNull();
  });

  test('an artifact whose blobs are not all stored is refused, and nothing is stored', async () => {
    const tenant = await newTenant(store);
    const other = await newTenant(store);
    // The tenant has stored only the manifest. Another tenant has stored the blobs, which must not count for this
    // tenant.
    const digest = await putArtifact(store, other, 'theirs');
    const manifest = await store.owner.query<{ content: Buffer; media_type: string }>(
      'SELECT content, media_type FROM pointsman.blobs WHERE tenant = $1 AND digest = $2',
      [other, digest],
    );
    const [row] = manifest.rows;
    await storeBlobs(store.db, tenant, [{ digest, mediaType: row!.media_type, content: row!.content }]);
    for (const [nth, missing] of [digest, digestOf('nowhere')].entries()) {
      await admitted(store, release(tenant, nth + 1));
      await putCompilation(store, release(tenant, nth + 1), [{ channel: null, digest: missing }]);
      expect(await prepare(tenant, nth + 1, 'live')).toMatchObject({ kind: 'broken', stage: 'store' });
      expect(await findArtifact(store.db, tenant, missing)).toBeNull();
      expect(await effects(tenant, nth + 1)).toEqual([]);
    }
    // A compilation of which a part is missing violates the invariants.
    await store.owner.query('DELETE FROM pointsman.compilations WHERE tenant = $1', [tenant]);
  });

  test('a release without an artifact for its channel and without a base is refused', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    const digest = await putArtifact(store, tenant, 'x');
    await putCompilation(store, release(tenant, 1), [{ channel: 'other', digest }]);
    expect(await prepare(tenant, 1, 'live')).toMatchObject({ kind: 'broken', stage: 'store' });
  });
});

describe('the sweep of releases', () => {
  const seen = async (tenant: string, olderThan: number) =>
    (await listInFlight(store.db, { olderThan, limit: 10_000 }))
      .filter((id) => id.tenant === tenant)
      .map(({ version }) => version);

  test('the sweep lists old unsettled releases of all tenants, and queued releases only if no release is in flight before them', async () => {
    const [a, b] = [await newTenant(store), await newTenant(store)];
    await published(store, release(a, 1));
    await admitted(store, release(a, 2));
    await admitted(store, release(a, 3), { placement: 'queue', inFlight: 2 });
    await admitted(store, release(b, 1), { placement: 'queue' });
    expect(await seen(a, AT + 1)).toEqual([2]);
    expect(await seen(b, AT + 1)).toEqual([1]);
    expect(await seen(a, AT)).toEqual([]);
  });
});
