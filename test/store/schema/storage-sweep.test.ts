import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { readManifest } from '../../../packages/protocol/artifacts/oci-manifest.ts';
import { sourceTree } from '../../../packages/protocol/releases/source.ts';
import { postgresCallbacks } from '../../../services/postgres/releases/callbacks.ts';
import { putCallbackBlob } from '../../../services/postgres/releases/callback-blobs.ts';
import { findBlob, storeBlobs } from '../../../services/postgres/content/blobs.ts';
import { readQuotas } from '../../../services/postgres/tenants/quotas.ts';
import { sweepContent, tenantsToSweep } from '../../../services/postgres/upkeep/retention.ts';
import { loadSource, storeSource } from '../../../services/postgres/content/sources.ts';
import { artifactOf } from '../../support/data/published-files.ts';
import { limitTenant } from '../../support/data/quotas.ts';
import { contradictionsSeenBy } from '../../support/runs/record-check.ts';
import {
  admitRequest,
  admitted,
  AT,
  newTenant,
  published,
  putSource,
  repeated,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());
beforeEach(async () => {
  tenant = await newTenant(store);
});

/** Changes the database so that all stored content of the tenant appears to be one hour older. */
async function anHourLater(): Promise<void> {
  for (const table of ['sources', 'blobs'])
    await store.owner.query(
      `UPDATE pointsman.${table} SET check_at = check_at - interval '1 hour' WHERE tenant = $1`,
      [tenant],
    );
}

/** Sweeps repeatedly, as the worker does, until no more content is due. */
async function sweep(): Promise<void> {
  for (let rounds = 0; rounds < 20 && (await sweepContent(store.db, tenant)) > 0; rounds++);
}

const bytes = async () => (await readQuotas(store.db, tenant))!.find(({ quota }) => quota === 'bytes')!.used;
const isStored = async (text: string) => (await findBlob(store.db, tenant, digestOf(text))) !== null;
const blobOf = (text: string) => ({
  digest: digestOf(text),
  mediaType: 'text/plain',
  content: Buffer.from(text),
});

describe('the sweep of stored content', () => {
  test('content that no release uses is deleted within an hour and no longer counts against the quota, while newer content stays', async () => {
    await putSource(store, tenant, 'refused');
    await anHourLater();
    const { digest } = await putSource(store, tenant, 'young');
    const young = await bytes();
    expect(await tenantsToSweep(store.db)).toContain(tenant);
    await sweep();
    expect(await isStored('refused')).toBe(false);
    expect(await isStored('young')).toBe(true);
    expect(await loadSource(store.db, tenant, digest)).not.toBeNull();
    expect(await bytes()).toBeLessThan(young);
    await anHourLater();
    await sweep();
    expect(await bytes()).toBe(0);
    expect(await tenantsToSweep(store.db)).not.toContain(tenant);
  });

  test('the content and the artifact of a release stay, whatever their age', async () => {
    const id = { tenant, bundle: 'bundle', version: 1 };
    const digest = await published(store, id);
    const before = await bytes();
    for (let hours = 0; hours < 3; hours++) {
      await anHourLater();
      await sweep();
    }
    expect(await bytes()).toBe(before);
    expect(await findBlob(store.db, tenant, digest)).not.toBeNull();
    expect(await contradictionsSeenBy(store.owner)).toEqual([]);
    expect(await tenantsToSweep(store.db)).not.toContain(tenant);
  });

  test('a file that an unused source shares with a used one stays, and the other files of the unused source are deleted', async () => {
    const files = ['shared', 'alone'].map((text) => ({
      path: text,
      digest: digestOf(text),
      size: text.length,
    }));
    const contents = new Map(['shared', 'alone'].map((text) => [digestOf(text), Buffer.from(text)]));
    const { digest: source } = await putSource(store, tenant, 'shared');
    await admitted(store, { tenant, bundle: 'bundle', version: 1 }, { source });
    await storeSource(store.db, tenant, sourceTree(files), contents);
    await anHourLater();
    await sweep();
    expect(await isStored('shared')).toBe(true);
    expect(await isStored('alone')).toBe(false);
    expect(await contradictionsSeenBy(store.owner)).toEqual([]);
  });

  test('after unused sources that share a file are swept, neither the file nor a row that refers to it remains', async () => {
    const holders = async () =>
      (await store.owner.query('SELECT FROM pointsman.blob_holders WHERE tenant = $1', [tenant])).rowCount;
    const refused = async (alone: string) => {
      const texts = ['common', alone];
      const files = texts.map((text) => ({ path: text, digest: digestOf(text), size: text.length }));
      const contents = new Map(texts.map((text) => [digestOf(text), Buffer.from(text)]));
      await storeSource(store.db, tenant, sourceTree(files), contents);
    };
    for (const alone of ['one', 'two', 'three']) {
      await anHourLater();
      await refused(alone);
      await sweep();
      // Of all sources, only the newest one is still needed. Its two files are the only blobs that are held.
      expect(await holders()).toBe(2);
      expect([await isStored('common'), await isStored(alone)]).toEqual([true, true]);
    }
    await anHourLater();
    await sweep();
    expect(await holders()).toBe(0);
    expect([await isStored('common'), await isStored('three')]).toEqual([false, false]);
    expect(await bytes()).toBe(0);
  });

  test('a source that is stored again is kept for another hour', async () => {
    await putSource(store, tenant, 'again');
    await anHourLater();
    const { digest } = await putSource(store, tenant, 'again');
    await sweep();
    expect(await loadSource(store.db, tenant, digest)).not.toBeNull();
    await admitted(store, { tenant, bundle: 'bundle', version: 1 }, { source: digest });
    expect(await contradictionsSeenBy(store.owner)).toEqual([]);
  });

  test('a release whose source was swept before admission is refused, so that the source is stored again', async () => {
    const request = await admitRequest(store, { tenant, bundle: 'bundle', version: 1 });
    await anHourLater();
    await sweep();
    expect(await store.admissions.admit(request)).toEqual({ kind: 'no_source' });
  });

  test('every admitted release has all its content, even if sweeps and publishes of the same files run concurrently', async () => {
    const rounds = Array.from({ length: 30 }, (_none, i) => i);
    const done = new AbortController();
    const sweeping = (async () => {
      while (!done.signal.aborted) {
        await anHourLater();
        await repeated(() => sweepContent(store.db, tenant));
      }
    })();
    for (const i of rounds) {
      const id = { tenant, bundle: `b${i}`, version: 1 };
      const texts = [`file ${i % 3}`, `file ${(i + 1) % 3}`];
      const files = texts.map((text, n) => ({ path: `${n}`, digest: digestOf(text), size: text.length }));
      const tree = sourceTree(files);
      const contents = new Map(texts.map((text) => [digestOf(text), Buffer.from(text)]));
      for (let tries = 0; ; tries++) {
        await repeated(() => storeSource(store.db, tenant, tree, contents));
        const request = await admitRequest(store, id, { source: tree.digest });
        const answer = await repeated(() => store.admissions.admit(request));
        if (answer.kind === 'accepted') break;
        expect(answer.kind).toBe('no_source');
        expect(tries).toBeLessThan(100);
      }
    }
    done.abort();
    await sweeping;
    expect(await contradictionsSeenBy(store.owner)).toEqual([]);
  });
});

describe('the sweep of compiled content', () => {
  const id = () => ({ tenant, bundle: 'bundle', version: 1 });
  /** Stores a source and its compilation, as a publish does. Returns the source and the artifact's blobs. */
  async function compiled(text: string) {
    const contents = new Map([[digestOf(text), Buffer.from(text)]]);
    const tree = sourceTree([{ path: 'config.json', digest: digestOf(text), size: text.length }]);
    const { digest, blobs } = artifactOf({ 'config.json': `compiled ${text}`, 'shared.txt': 'shared' });
    const artifacts = [{ channel: null, digest }];
    const times = { startedAt: AT, finishedAt: AT };
    const compilation = { artifacts, blobs, lacksContent: false, documents: [], warnings: [], ...times };
    await storeSource(store.db, tenant, tree, contents, compilation);
    return { source: tree.digest, digests: blobs.map((blob) => blob.digest) };
  }

  const compilations = async () =>
    (await store.owner.query('SELECT FROM pointsman.compilations WHERE tenant = $1', [tenant])).rowCount;
  const stored = async (digests: readonly string[]) =>
    (await Promise.all(digests.map((digest) => findBlob(store.db, tenant, digest)))).filter(Boolean).length;

  test('the compilation of a source that no release uses is deleted with the source within an hour, and a younger one stays', async () => {
    const refused = await compiled('refused');
    await anHourLater();
    const young = await compiled('young');
    await sweep();
    expect(await compilations()).toBe(1);
    expect(await stored(young.digests)).toBe(4);
    // Both compilations contain the same file.
    expect(await stored(refused.digests)).toBe(1);
    expect(await contradictionsSeenBy(store.owner)).toEqual([]);
    await anHourLater();
    await sweep();
    expect(await compilations()).toBe(0);
    expect(await stored(young.digests)).toBe(0);
    expect(await bytes()).toBe(0);
    const holders = 'SELECT FROM pointsman.blob_holders WHERE tenant = $1';
    expect((await store.owner.query(holders, [tenant])).rowCount).toBe(0);
  });

  test('the compilation of a source stays as long as the source, even if the only release of it ended without an artifact', async () => {
    const { source, digests } = await compiled('used');
    await admitted(store, id(), { source });
    await store.settlements.close(id(), {
      outcome: 'errored',
      yieldsToIntent: false,
      reason: 'x',
      stage: null,
      at: AT,
    });
    for (let hours = 0; hours < 3; hours++) {
      await anHourLater();
      await sweep();
      expect([await compilations(), await stored(digests)]).toEqual([1, 4]);
    }
    expect(await contradictionsSeenBy(store.owner)).toEqual([]);
  });

  test('a compilation whose blobs are in part those of other content is complete after every sweep', async () => {
    const artifact = artifactOf({ 'config.json': 'compiled late', 'shared.txt': 'shared' });
    await storeBlobs(store.db, tenant, artifact.blobs);
    await anHourLater();
    const { digests } = await compiled('late');
    await sweep();
    expect(await stored(digests)).toBe(4);
  });

  test('blobs of a remote compilation, even if they were stored before it, stay while the release waits, and are deleted when it is abandoned', async () => {
    await admitted(store, id());
    const callout = { id: id(), purpose: 'compile', subject: '1' } as const;
    const deadlineMs = Date.now() + 86_400_000;
    const opened = await postgresCallbacks(store.db, async (_tenant, content) => readManifest(content)).open({
      ...callout,
      capability: `of ${tenant}`,
      awakeableId: 'sign_1',
      deadlineMs,
      detail: 'x',
      at: Date.now(),
    });
    expect(opened.kind).toBe('open');
    await putSource(store, tenant, 'was there');
    const callback = { tenant, id: `${tenant}/bundle/v1/compile/1` };
    expect(await putCallbackBlob(store.db, callback, blobOf('uploaded'), Date.now())).toEqual({
      kind: 'stored',
    });
    expect(await putCallbackBlob(store.db, callback, blobOf('was there'), Date.now())).toEqual({
      kind: 'there',
    });
    await limitTenant(store.db, tenant, { bytes: await bytes() });
    await expect(putCallbackBlob(store.db, callback, blobOf('more'), Date.now())).rejects.toMatchObject({
      code: 'quota_exceeded',
    });
    expect(await isStored('more')).toBe(false);
    for (let hours = 0; hours < 3; hours++) {
      await anHourLater();
      await sweep();
      expect([await isStored('uploaded'), await isStored('was there')]).toEqual([true, true]);
    }
    await store.settlements.close(id(), {
      outcome: 'cancelled',
      yieldsToIntent: false,
      reason: 'x',
      stage: null,
      at: AT,
    });
    await anHourLater();
    await sweep();
    expect([await isStored('uploaded'), await isStored('was there')]).toEqual([false, false]);
  });
});
