import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../../packages/protocol/json/canonical-json.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { compileSource } from '../../../services/compiler/compile-source.ts';
import { parseJson } from '../../../services/compiler/parse/parse-json.ts';
import { compileHere, memorySource, type Files } from './compile-here.ts';

const plain = fc
  .jsonValue({ maxDepth: 3 })
  .map((value) => JSON.parse(JSON.stringify(value)) as object | null);
const tidy = plain.filter((value) => canonicalIsSafe(value));

function canonicalIsSafe(value: unknown): boolean {
  const { problems } = parseJson(JSON.stringify(value));
  return problems.length === 0;
}

test('the same source files give the same digests, regardless of the order of the files and of the keys in them', async () => {
  const name = fc.stringMatching(/^[a-z]{1,6}$/);
  const source = fc.dictionary(name, tidy, { minKeys: 1, maxKeys: 8 });
  await fc.assert(
    fc.asyncProperty(
      source,
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      async (documents, random) => {
        const files: { [path: string]: string } = { 'notes.md': '# the same', 'same.md': '# the same' };
        for (const [path, value] of Object.entries(documents))
          files[`${path}.json`] = JSON.stringify(value, null, 2);
        const reordered = Object.fromEntries(
          Object.entries(files)
            .map(([path, text]) => [path, path.endsWith('.json') ? shuffledKeys(text) : text] as const)
            .toSorted(() => (random.next().value as number) - 0.5),
        );
        expect(await digestsOf(reordered)).toEqual(await digestsOf(files));
      },
    ),
    { numRuns: 100 },
  );
});

test('the order of the source entries does not change the compiled artifact', async () => {
  const files = { 'b.json': '1', 'a.yaml': 'x: 1', 'c.txt': 'c', 'a/b.toml': 'y = 1' };
  const { tree, readBlobs } = memorySource(files);
  const backwards = await compileSource(tree.entries.toReversed(), async (wanted) => {
    const blobs = await readBlobs(wanted.map(({ digest }) => digest));
    return wanted.map(({ digest }) => ({ facts: null, content: blobs.get(digest) ?? null }));
  });
  const forwards = await compileHere(files);
  expect(backwards).toMatchObject({
    kind: 'compiled',
    artifacts: 'artifacts' in forwards ? forwards.artifacts : [],
  });
});

test('the digest of the artifact of a fixed source never changes', async () => {
  // If this digest changes, the digest of every existing artifact changes. Then increase COMPILER_VERSION, and note
  // the change in the changelog.
  const files = { 'a.yaml': 'b: [1, 2.50, x]\na: é', 'c.md': 'hello\n' };
  expect(await digestsOf(files)).toEqual([
    'sha256:e5b11d4e2e1faf809b300c3e0517f9f8a40ee370238e766ba755db1f98ec4ae4',
  ]);
});

test('the fast JSON parser accepts a document only when the slow scanner finds no problem in it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (text) => {
      const value = JSON.parse(text) as unknown;
      const parsed = parseJson(text);
      if (parsed.problems.length === 0) expect(parsed.value).toEqual(value);
      else expect(text).toMatch(/__proto__|[0-9]{16}|\\u[dD][89a-fA-F]|(".*").*\1/s);
    }),
    { numRuns: 500 },
  );
});

test('equal values have the same canonical JSON, and parsing that JSON returns the value', () => {
  fc.assert(
    fc.property(tidy, (value) => {
      const text = canonicalJson(value as never);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(shuffledKeys(text)) as never)).toBe(text);
    }),
  );
});

async function digestsOf(files: Files): Promise<string[]> {
  const result = await compileHere(files);
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.diagnostics));
  for (const { digest, text } of result.made) expect(digestOf(text)).toBe(digest);
  return result.artifacts.map((artifact) => artifact.digest);
}

function shuffledKeys(text: string): string {
  const reverse = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reverse);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, member]) => [key, reverse(member)]),
    );
  };
  return JSON.stringify(reverse(JSON.parse(text)));
}
