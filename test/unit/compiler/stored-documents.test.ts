import { afterEach, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { type Compiler, createCompiler } from '../../../services/compiler/compiler.ts';
import type { CacheEntry } from '../../../services/compiler/process/compile-protocol.ts';
import { memorySource, type MemorySource } from './compile-here.ts';

const DOCUMENTS = 80;
const started: Compiler[] = [];
afterEach(async () => {
  for (const compiler of started.splice(0)) await compiler.close();
});

/** A compiler with an empty memory, as that of a process that has just started. */
function newCompiler(): Compiler {
  const compiler = createCompiler();
  started.push(compiler);
  return compiler;
}

/** A source with many documents. A different `edited` gives the first document a different content. */
function source(edited: number, documents = DOCUMENTS, schema = '{"type": "object"}'): MemorySource {
  return memorySource({
    'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/**"] }]\n',
    's.json': schema,
    ...Object.fromEntries(
      Array.from({ length: documents }, (_, nth) => [
        `d/${nth}.json`,
        JSON.stringify({ nth, edited: nth === 0 ? edited : 0, $schema: '../s.json' }),
      ]),
    ),
  });
}

async function compiled(compiler: Compiler, { tree, readBlobs }: MemorySource, stored: Stored | null = null) {
  const result = await compiler.compile('acme', tree, readBlobs, stored?.find ?? null);
  if (result.kind !== 'compiled') throw new Error(`not compiled: ${JSON.stringify(result).slice(0, 300)}`);
  return result;
}

/** The documents that earlier compilations have stored, and the number of lookups. */
class Stored {
  lookups = 0;
  readonly #documents = new Map<string, CacheEntry>();

  add(documents: readonly CacheEntry[]): void {
    for (const document of documents) this.#documents.set(document.key, document);
  }

  readonly find = async (keys: readonly string[]): Promise<CacheEntry[]> => {
    this.lookups++;
    return keys.flatMap((key) => this.#documents.get(key) ?? []);
  };
}

test('a new process compiles only the changed document of a large source, and reads no other document', async () => {
  const stored = new Stored();
  stored.add((await compiled(newCompiler(), source(0), stored)).documents);
  const [compiler, changed] = [newCompiler(), source(1)];
  const result = await compiled(compiler, changed, stored);
  const text = changed.tree.entries.find(({ path }) => path === 'd/0.json')!.digest;
  const others = ['pointsman.yaml', 's.json'].map(
    (path) => changed.tree.entries.find((entry) => entry.path === path)!.digest,
  );
  expect(changed.read.toSorted()).toEqual([text, ...others].toSorted());
  expect(compiler.documents).toEqual({ memory: 0, database: DOCUMENTS - 1, compiled: 1 });
  expect(result.documents).toHaveLength(1);
  expect(result.artifacts).toEqual((await compiled(newCompiler(), changed)).artifacts);
});

test('a document that was found in the database is found in memory by the next compilation', async () => {
  const stored = new Stored();
  stored.add((await compiled(newCompiler(), source(0), stored)).documents);
  const compiler = newCompiler();
  await compiled(compiler, source(1), stored);
  const before = stored.lookups;
  await compiled(compiler, source(2), stored);
  expect(stored.lookups).toBe(before);
  expect(compiler.documents).toEqual({ memory: DOCUMENTS - 1, database: DOCUMENTS - 1, compiled: 2 });
});

test('a compilation without stored documents makes all contents, also if an earlier compilation of the source used stored documents', async () => {
  const stored = new Stored();
  stored.add((await compiled(newCompiler(), source(0), stored)).documents);
  const compiler = newCompiler();
  const partial = await compiled(compiler, source(1), stored);
  expect(partial.lacksContent).toBe(true);
  const complete = await compiled(compiler, source(1));
  expect(complete.lacksContent).toBe(false);
  expect(complete.artifacts).toEqual(partial.artifacts);
  const contents = new Map(complete.blobs.map(({ digest, content }) => [digest, content]));
  for (const digest of complete.artifacts.flatMap(({ blobDigests }) => blobDigests))
    expect(digestOf(contents.get(digest)!)).toBe(digest);
});

test('the documents of a small source are not looked up', async () => {
  const stored = new Stored();
  const compiler = newCompiler();
  stored.add((await compiled(compiler, source(0, 50), stored)).documents);
  await compiled(newCompiler(), source(1, 50), stored);
  expect(stored.lookups).toBe(0);
});

test('a stored document is compiled again if the schema that it names has changed', async () => {
  const stored = new Stored();
  stored.add((await compiled(newCompiler(), source(0), stored)).documents);
  const changed = source(0, DOCUMENTS, '{"type": "object", "required": ["missing"]}');
  const result = await newCompiler().compile('acme', changed.tree, changed.readBlobs, stored.find);
  expect(result.kind).toBe('invalid');
});
