import { afterAll, beforeAll, expect, test } from 'vitest';

import { type Compiler, createCompiler } from '../../../services/compiler/compiler.ts';
import { readBlobs } from '../../../services/postgres/content/blobs.ts';
import { storeSource } from '../../../services/postgres/content/sources.ts';
import { type Database, openDatabase } from '../../../services/postgres/database.ts';
import { compileStored } from '../../../services/worker/pipeline/compile-stored.ts';
import { newTenant, putSource, startStore, type Store } from '../../support/worlds/store.ts';
import { memorySource } from '../../unit/compiler/compile-here.ts';

let store: Store;
let compiler: Compiler;
/** A pool with a single database connection, in place of the worker's pool. */
let db: Database;

beforeAll(async () => {
  store = await startStore();
  db = openDatabase(store.postgres.appUrl, { connections: 1 });
  compiler = createCompiler();
});

afterAll(async () => {
  await compiler.close();
  await db.close();
  await store.stop();
});

/**
 * Creates a module with that many imports. Each imported file has different content. All files together have 150
 * KiB.
 */
function manyImports(imports: number) {
  const names = Array.from({ length: imports }, (_, nth) => `f${nth}.ts`);
  return memorySource({
    'pointsman.yaml': 'apiVersion: pointsman/v1\nmodules: [{ entry: m.ts }]',
    'm.ts': names.map((name) => `import'./${name}'`).join('\n'),
    ...Object.fromEntries(names.map((name) => [name, `globalThis.log('${name}', 'imported');`])),
  });
}

test('a source with 3,000 imports uses one database connection at a time, and reads of another tenant get their turn', async () => {
  const hostile = await newTenant(store);
  const honest = await newTenant(store);
  const { tree, readBlobs: contentsOf } = manyImports(3_000);
  const contents = await contentsOf(tree.entries.map(({ digest }) => digest));
  await storeSource(store.db, hostile, tree, contents);
  const small = await putSource(store, honest, '{"x":1}');
  const digests = small.entries.map(({ digest }) => digest);

  const state = { isOver: false, reads: 0 };
  const compiling = compileStored(db, compiler, hostile, tree.digest).finally(() => {
    state.isOver = true;
  });
  const reading = (async () => {
    while (!state.isOver) {
      const read = await readBlobs(db, honest, digests);
      expect([...read.keys()]).toEqual(digests);
      state.reads++;
    }
  })();
  const [compiled] = await Promise.all([compiling, reading]);
  expect(compiled.kind).toBe('stored');
  expect(state.reads).toBeGreaterThan(10);
});
