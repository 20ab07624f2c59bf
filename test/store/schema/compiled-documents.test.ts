import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { sourceTree } from '../../../packages/protocol/releases/source.ts';
import { LOCAL_EXECUTOR } from '../../../core/releases/local-compiler.ts';
import { storedDocumentLimits } from '../../../core/limits/compile-limits.ts';
import {
  CompiledContentMissing,
  type CompiledDocument,
  type FindDocuments,
  withStoredDocuments,
} from '../../../services/postgres/content/compiled-documents.ts';
import { findBlob } from '../../../services/postgres/content/blobs.ts';
import { storeSource } from '../../../services/postgres/content/sources.ts';
import { readQuotas } from '../../../services/postgres/tenants/quotas.ts';
import { sweepContent } from '../../../services/postgres/upkeep/retention.ts';
import { artifactOf } from '../../support/data/published-files.ts';
import { contradictionsSeenBy } from '../../support/runs/record-check.ts';
import { admitted, AT, newTenant, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());
beforeEach(async () => {
  tenant = await newTenant(store);
});

const FILES = storedDocumentLimits.fewest;
const id = () => ({ tenant, bundle: 'bundle', version: 1 });

/** The files of a large source, and the documents that its compilation makes. */
function largeSource(text: string, files: number = FILES) {
  const paths = Array.from({ length: files }, (_, nth) => `${nth}.json`);
  const contents = new Map(
    paths.map((path) => [digestOf(`${text} ${path}`), Buffer.from(`${text} ${path}`)] as const),
  );
  const digests = [...contents.keys()];
  const tree = sourceTree(paths.map((path, nth) => ({ path, digest: digests[nth]!, size: 10 })));
  const { digest, blobs } = artifactOf(
    Object.fromEntries(paths.map((path) => [path, `compiled ${text} ${path}`])),
  );
  const documents = paths.map((path): CompiledDocument => ({
    key: `key of ${text} ${path}`,
    digest: digestOf(`compiled ${text} ${path}`),
    facts: `{"facts":"of ${path}"}`,
  }));
  const artifacts = [{ channel: null, digest }];
  const times = { startedAt: AT, finishedAt: AT };
  const compilation = { artifacts, blobs, lacksContent: false, documents, warnings: [], ...times };
  return { tree, contents, documents, compilation };
}

async function put({ tree, contents, compilation }: ReturnType<typeof largeSource>): Promise<void> {
  await storeSource(store.db, tenant, tree, contents, compilation);
}

/** Finds documents as a compilation of the tenant does. */
const found = (documents: readonly CompiledDocument[], by = tenant) =>
  withStoredDocuments(store.db, by, async (find) => find!(documents.map(({ key }) => key)));

const bytes = async () => (await readQuotas(store.db, tenant))!.find(({ quota }) => quota === 'bytes')!.used;

/** Changes the database so that all stored content of the tenant is due, and sweeps it. */
async function sweepAll(): Promise<void> {
  for (const table of ['sources', 'blobs'])
    await store.owner.query(
      `UPDATE pointsman.${table} SET check_at = now() - interval '1 hour' WHERE tenant = $1`,
      [tenant],
    );
  for (let rounds = 0; rounds < 20 && (await sweepContent(store.db, tenant)) > 0; rounds++);
}

const byKey = (a: CompiledDocument, b: CompiledDocument) => (a.key < b.key ? -1 : 1);

test('the compiled documents of a large source are stored with its compilation and found by their keys, only by their tenant', async () => {
  const large = largeSource('a');
  await put(large);
  expect((await found(large.documents)).toSorted(byKey)).toEqual(large.documents.toSorted(byKey));
  expect(await found(large.documents, await newTenant(store))).toEqual([]);
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});

test('the compiled documents of a small source, and documents with long facts, are not stored', async () => {
  const small = largeSource('small', FILES - 1);
  await put(small);
  expect(await found(small.documents)).toEqual([]);
  const large = largeSource('long');
  const long = { ...large.documents[0]!, facts: 'x'.repeat(storedDocumentLimits.factsChars + 1) };
  const documents = [long, ...large.documents.slice(1)];
  await put({ ...large, compilation: { ...large.compilation, documents } });
  expect((await found(large.documents)).toSorted(byKey)).toEqual(large.documents.slice(1).toSorted(byKey));
});

test('compiled documents of another version of the compiler are not found, and are replaced by those of this version', async () => {
  const large = largeSource('a');
  await put(large);
  await store.owner.query(`UPDATE pointsman.compiled_documents SET executor = 'local/0' WHERE tenant = $1`, [
    tenant,
  ]);
  await store.owner.query('DELETE FROM pointsman.compilations WHERE tenant = $1', [tenant]);
  expect(await found(large.documents)).toEqual([]);
  const before = await bytes();
  await put(large);
  expect(await found(large.documents)).toHaveLength(FILES);
  const { rows } = await store.owner.query<{ executor: string }>(
    'SELECT DISTINCT executor FROM pointsman.compiled_documents WHERE tenant = $1',
    [tenant],
  );
  expect(rows).toHaveLength(1);
  const { artifacts, warnings } = large.compilation;
  expect((await bytes()) - before).toBeLessThan(JSON.stringify([artifacts, warnings]).length + 20);
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});

test('a document whose facts have changed is replaced, because it names a schema or a file that has changed', async () => {
  const large = largeSource('a');
  await put(large);
  const [first, ...others] = large.documents;
  const changed = { ...first!, facts: '{"facts":"of another schema"}' };
  const next = largeSource('b');
  await put({ ...next, compilation: { ...next.compilation, documents: [changed] } });
  expect((await found(large.documents)).toSorted(byKey)).toEqual([changed, ...others].toSorted(byKey));
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});

test('a compiled document is deleted with its content, and then no longer counts against the quota', async () => {
  const large = largeSource('a');
  await put(large);
  await sweepAll();
  const { rowCount } = await store.owner.query('SELECT FROM pointsman.compiled_documents WHERE tenant = $1', [
    tenant,
  ]);
  expect([rowCount, await bytes()]).toEqual([0, 0]);
});

test('the compiled documents of a release stay, and a later version of its source that shares its content stays as well', async () => {
  const large = largeSource('a', 200);
  await put(large);
  await admitted(store, id(), { source: large.tree.digest });
  const other = largeSource('b', 200);
  const [replaced] = other.tree.entries;
  const tree = sourceTree([...large.tree.entries.slice(1), { ...replaced!, path: '0.json' }]);
  const contents = new Map([[replaced!.digest, other.contents.get(replaced!.digest)!]]);
  await storeSource(store.db, tenant, tree, contents, null);
  const holders = async (holder: string) =>
    (
      await store.owner.query('SELECT FROM pointsman.blob_holders WHERE tenant = $1 AND holder = $2', [
        tenant,
        holder,
      ])
    ).rowCount;
  // The later version protects only the content that the release does not need.
  expect(await holders(tree.digest)).toBe(1);
  await admitted(
    store,
    { ...id(), version: 2 },
    { source: tree.digest, onConflict: 'queue', placement: 'queue' },
  );
  await sweepAll();
  expect(await found(large.documents)).toHaveLength(200);
  expect(await contradictionsSeenBy(store.owner)).toEqual([]);
});

test('if the content of a stored document is deleted before the compilation is stored, the source is compiled again without stored documents', async () => {
  const large = largeSource('a');
  const attempts: (FindDocuments | null)[] = [];
  const gone = digestOf('compiled a 0.json');
  await withStoredDocuments(store.db, tenant, async (find) => {
    attempts.push(find);
    const { blobs } = large.compilation;
    const made = find === null ? blobs : blobs.filter(({ digest }) => digest !== gone);
    const lacksContent = find !== null;
    await put({ ...large, compilation: { ...large.compilation, blobs: made, lacksContent } });
  });
  expect(attempts).toHaveLength(2);
  expect(attempts[1]).toBeNull();
  expect(await found(large.documents)).toHaveLength(FILES);
  await expect(
    withStoredDocuments(store.db, tenant, () => Promise.reject(new CompiledContentMissing('twice'))),
  ).rejects.toThrow('twice');
});

test('a compilation that uses stored documents protects their content, which is not sent again', async () => {
  const large = largeSource('a');
  await put(large);
  const note = Buffer.from('a note');
  const added = { path: 'note.txt', digest: digestOf('a note'), size: note.length };
  const tree = sourceTree([...large.tree.entries, added]);
  const compilation = { ...large.compilation, blobs: [], lacksContent: true, documents: [] };
  await storeSource(store.db, tenant, tree, new Map([[added.digest, note]]), compilation);
  await admitted(store, id(), { source: tree.digest });
  await sweepAll();
  expect(await found(large.documents)).toHaveLength(FILES);
  const digests = large.compilation.blobs.map(({ digest }) => digest);
  const stored = await Promise.all(digests.map((digest) => findBlob(store.db, tenant, digest)));
  expect(stored.filter((blob) => blob === null)).toEqual([]);
});

test('a document whose content is not stored is never found', async () => {
  const large = largeSource('a');
  await put(large);
  await store.owner.query(
    `UPDATE pointsman.compiled_documents SET digest = $2 WHERE (tenant, key) = ($1, $3)`,
    [tenant, digestOf('not stored'), large.documents[0]!.key],
  );
  expect((await found(large.documents)).toSorted(byKey)).toEqual(large.documents.slice(1).toSorted(byKey));
});

test('a lookup returns facts up to its limit in bytes', async () => {
  const large = largeSource('a');
  await put(large);
  const size = large.documents[0]!.facts.length;
  const keys = large.documents.map(({ key }) => key);
  const sql = 'SELECT key FROM find_documents($1, $2, $3, $4)';
  const rows = await store.db.call(tenant, sql, [tenant, LOCAL_EXECUTOR, keys, size * 3]);
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.length).toBeLessThanOrEqual(3);
});
