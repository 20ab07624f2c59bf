import { afterEach, describe, expect, test } from 'vitest';

import { createCompiler, type Compiler } from '../../../services/compiler/compiler.ts';
import type { CompileResult } from '../../../services/compiler/process/compiled.ts';
import { memorySource, type Files } from '../../unit/compiler/compile-here.ts';

let compiler: Compiler | null = null;
afterEach(async () => {
  await compiler?.close();
  compiler = null;
});

function started(limits: Parameters<typeof createCompiler>[0] = {}): Compiler {
  compiler = createCompiler(limits);
  return compiler;
}

async function compiled(
  files: Files,
  tenant = 'acme',
): Promise<{ result: CompileResult; read: readonly string[] }> {
  const source = memorySource(files);
  const result = await (compiler ?? started()).compile(tenant, source.tree, source.readBlobs);
  return { result, read: source.read };
}

const recipe = 'apiVersion: pointsman/v1\n';
/** A source of a hundred documents. Each document uses up its limit of two seconds of processor time. */
const slowMonster: Files = {
  'pointsman.yaml': `${recipe}documents: [{ include: ["d/*"], schema: s.json }]`,
  's.json': JSON.stringify({
    $ref: '#/$defs/a40',
    $defs: Object.fromEntries(
      Array.from({ length: 41 }, (_, nth) => {
        const before = { $ref: `#/$defs/a${nth - 1}` };
        return [`a${nth}`, nth === 0 ? { type: 'integer' } : { allOf: [before, before] }];
      }),
    ),
  }),
  ...Object.fromEntries(Array.from({ length: 100 }, (_, nth) => [`d/${nth}.json`, String(nth)])),
};
const memoryMonster: Files = Object.fromEntries(
  Array.from({ length: 4 }, (_, index) => [
    `${index}.yaml`,
    `# ${index}\n${'- {a: [b, c]}\n'.repeat(300_000)}`,
  ]),
);
const small: Files = { 'a.yaml': 'x: 1', 'b.md': 'hi' };

function blobText(result: CompileResult, path: string): string | undefined {
  if (result.kind !== 'compiled') throw new Error(JSON.stringify(result));
  const digest = result.artifacts[0]?.files.find((file) => file.path === path)?.digest;
  const blob = result.blobs.find((candidate) => candidate.digest === digest);
  return blob && new TextDecoder().decode(blob.content);
}

describe('a source that is compiled in a process', () => {
  test('produces artifacts that contain each blob once, including assets', async () => {
    const { result } = await compiled({ ...small, 'c.md': 'hi' });
    if (result.kind !== 'compiled') throw new Error(JSON.stringify(result));
    expect(result.artifacts).toHaveLength(1);
    expect([...(result.artifacts[0]?.blobDigests ?? [])].toSorted()).toEqual(
      result.blobs.map(({ digest }) => digest).toSorted(),
    );
    expect(blobText(result, 'a.yaml')).toBe('{"x":1}');
    expect(blobText(result, 'b.md')).toBe('hi');
    expect(result.blobs.map(({ mediaType }) => mediaType).toSorted()).toEqual([
      'application/vnd.oci.image.manifest.v1+json',
      'application/vnd.pointsman.document.v1+json',
      'application/vnd.pointsman.index.v1+json',
      'text/markdown',
    ]);
  });

  test('returns its mistakes up to a limit, and marks the list as truncated', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`${index}.json`, '{']));
    const { result } = await compiled(many);
    expect(result).toMatchObject({ kind: 'invalid', truncated: true });
    if (result.kind === 'invalid') expect(result.diagnostics).toHaveLength(200);
  });

  test('can have modules, which are bundled', async () => {
    const files = {
      'pointsman.yaml': `${recipe}modules: [{ entry: m.ts }]`,
      'm.ts': 'export const m: number = 1;',
    };
    expect(blobText((await compiled(files)).result, 'm.js')).toContain('m = 1');
  });
});

describe('a source that exceeds the limits of its compilation', () => {
  test('is stopped at the time limit while another tenant compiles, and the compiler continues to work', async () => {
    // This time limit is far above the time that the neighbour needs on any machine. Only the slow source can reach
    // it.
    started({ limits: { timeoutMs: 3_000 } });
    const [monster, neighbour] = await Promise.all([compiled(slowMonster), compiled(small, 'other')]);
    expect(neighbour.result.kind).toBe('compiled');
    expect(monster.result).toMatchObject({ kind: 'exhausted', limit: 'time' });
    expect((await compiled(small)).result.kind).toBe('compiled');
    expect((await compiled({ ...slowMonster, 'n.txt': '2' })).result).toMatchObject({
      kind: 'exhausted',
      limit: 'time',
    });
    const both = await Promise.all([compiled(small), compiled({ 'x.json': '1' }, 'other')]);
    expect(both.map(({ result }) => result.kind)).toEqual(['compiled', 'compiled']);
  });

  test('is stopped at the memory limit, and the next compilation succeeds', async () => {
    started({ limits: { heapMiB: 96 } });
    expect((await compiled(memoryMonster)).result).toMatchObject({ kind: 'exhausted', limit: 'memory' });
    expect((await compiled(small)).result.kind).toBe('compiled');
  });

  test('does not make another tenant wait behind its queue, even if it is queued many times', async () => {
    // With this long slice, the slow source never gives way. The test is only about the order in which tenants are
    // served.
    started({ limits: { timeoutMs: 1_500, threads: 1, sliceMs: 60_000 } });
    const ended: string[] = [];
    const monsters = [1, 2, 3].map(async (nth) => {
      await compiled({ ...slowMonster, 'n.txt': String(nth) });
      ended.push('monster');
    });
    const neighbour = compiled(small, 'other').then(() => ended.push('neighbour'));
    await Promise.all([...monsters, neighbour]);
    expect(ended).toEqual(['monster', 'neighbour', 'monster', 'monster']);
  });

  test('gets the same result immediately when it is submitted again, and is compiled again for another tenant', async () => {
    started({ limits: { timeoutMs: 500 } });
    const first = await compiled(slowMonster);
    const again = await compiled(slowMonster);
    expect(again.read).toEqual([]);
    expect(again.result).toBe(first.result);
    expect((await compiled(slowMonster, 'other')).read.length).toBeGreaterThan(0);
  });

  test('leaves room for a third tenant even if another tenant compiles one too: the third finishes before both', async () => {
    started({ limits: { timeoutMs: 6_000, longMs: 1_000 } });
    const ended: string[] = [];
    const monsters = ['acme', 'evil'].map(async (tenant) => {
      const { result } = await compiled({ ...slowMonster, 'n.txt': tenant }, tenant);
      ended.push(result.kind);
    });
    const neighbour = compiled(small, 'other').then(({ result }) => ended.push(result.kind));
    await Promise.all([...monsters, neighbour]);
    expect(ended).toEqual(['compiled', 'exhausted', 'exhausted']);
  });

  test('is refused as busy when the queue of its tenant is full', async () => {
    started({ limits: { timeoutMs: 500, queuedPerTenant: 1 } });
    const three = await Promise.all(
      [1, 2, 3].map((nth) => compiled({ ...slowMonster, 'n.txt': String(nth) })),
    );
    expect(three.map(({ result }) => result.kind)).toEqual(['exhausted', 'exhausted', 'busy']);
  });
});

describe('a blob store', () => {
  test('that fails during a read returns its own error to the caller, and the compiler continues to work', async () => {
    const { tree } = memorySource(small);
    const failure = new Error('the store is away');
    await expect(started().compile('acme', tree, () => Promise.reject(failure))).rejects.toBe(failure);
    expect((await compiled(small)).result.kind).toBe('compiled');
  });

  test('that does not return a blob causes an error and not a wrong artifact', async () => {
    const { tree } = memorySource(small);
    await expect(started().compile('acme', tree, () => Promise.resolve(new Map()))).rejects.toThrow(
      'the store has no blob',
    );
  });

  test('that is slow does not use up the time limit of the compilation', async () => {
    const timeoutMs = 3_000;
    started({ limits: { timeoutMs } });
    const source = memorySource(small);
    const slowly: typeof source.readBlobs = async (digests) => {
      await new Promise((resolve) => setTimeout(resolve, timeoutMs + 500));
      return await source.readBlobs(digests);
    };
    expect((await compiler?.compile('acme', source.tree, slowly))?.kind).toBe('compiled');
  });
});

describe('unchanged content', () => {
  const base: Files = {
    'pointsman.yaml':
      `${recipe}documents: [{ include: ["d/*"], schema: s/s.json }]\nassets: ["*.md"]\nmodules: [{ entry: m.ts }]\n` +
      'references: [{ from: "d/*#/to", to: "d/*#/name" }]\noverlays: { staging: o.yaml }',
    's/s.json': '{"$ref":"part.json"}',
    's/part.json': '{"required":["name"]}',
    'o.yaml': 'd/a.yaml: { x: 1 }',
    'd/a.yaml': 'name: a\nto: b',
    'd/b.json': '{"name":"b"}',
    'm.ts': "export * from './n';",
    'n.ts': 'export const n = 1;',
    'r.md': 'hi',
  };
  const digest = (text: string | Uint8Array | undefined): string =>
    memorySource({ x: text ?? '' }).tree.entries[0]?.digest ?? '';

  test('is neither read nor compiled again, and gives the same result as in a new compiler', async () => {
    await compiled(base);
    const changed = { ...base, 'd/b.json': '{"name":"b","new":true}' };
    const warm = await compiled(changed);
    expect(warm.read).toContain(digest(changed['d/b.json']));
    expect(warm.read).not.toContain(digest(base['d/a.yaml']));
    expect(warm.read).not.toContain(digest(base['m.ts']));
    await compiler?.close();
    compiler = null;
    // Only the list of the documents that were compiled now differs.
    const { result } = await compiled(changed);
    expect({ ...result, documents: [] }).toEqual({ ...warm.result, documents: [] });
  });

  test.each<[what: string, change: Files, expected: string[]]>([
    [
      'a schema that a schema refers to',
      { 's/part.json': '{"required":["name","age"]}' },
      ['schema_required', 'schema_required'],
    ],
    ['the target of a reference', { 'd/b.json': '{"name":"c"}' }, ['reference_missing']],
    [
      'the reference itself',
      { 'pointsman.yaml': String(base['pointsman.yaml']).replace('#/name', '#/none') },
      ['reference_missing'],
    ],
    ['a file that a module imports', { 'n.ts': 'export const n = ;' }, ['module_syntax']],
    ['an overlay', { 'o.yaml': 'd/a.yaml: { name: null }' }, ['schema_required']],
    ['a file that an import now resolves to', { 'n.tsx': '', n: 'x' }, ['unknown_format']],
  ])('is compiled again when a dependency changes: %s', async (_what, change, expected) => {
    expect((await compiled(base)).result.kind).toBe('compiled');
    const { result } = await compiled({ ...base, ...change });
    if (result.kind !== 'invalid') throw new Error('a stale result was taken over');
    expect(result.diagnostics.map(({ code }) => code)).toEqual(expected);
  });

  test('is compiled again when the schema that a document names changes', async () => {
    const files = {
      's.json': '{"required":["a"]}',
      'd.yaml': '$schema: ./s.json\na: 1',
      'e.yaml': 'plain: 1',
    };
    expect((await compiled(files)).result.kind).toBe('compiled');
    expect((await compiled({ ...files, 's.json': '{"required":["b"]}' })).result.kind).toBe('invalid');
    expect((await compiled({ ...files, 'e.yaml': 'plain: 2' })).read).toHaveLength(2);
  });

  test('of a whole source is returned from the cache without reads, even while its first compilation is running', async () => {
    started();
    const [first, second] = await Promise.all([compiled(base), compiled(base)]);
    expect([first.read.length > 0, second.read.length]).toEqual([true, 0]);
    const third = await compiled(base);
    expect(third.read).toEqual([]);
    expect(third.result).toBe(first.result);
  });

  test('of one tenant is not taken from the cache for another tenant', async () => {
    await compiled(base);
    expect((await compiled(base, 'other')).read).toContain(digest(base['d/a.yaml']));
  });

  test('that was evicted from the cache is compiled again with the same result', async () => {
    started({ limits: { cacheBytes: 1, memoBytes: 1 } });
    const first = await compiled(base);
    const second = await compiled(base);
    expect(second.read).toEqual(first.read);
    expect(second.result).toEqual(first.result);
  });
});

test('a closed compiler refuses new compilations and ends the running ones', async () => {
  const closing = started();
  const running = compiled(slowMonster);
  running.catch(() => undefined);
  await compiled(small, 'other');
  await closing.close();
  await expect(running).rejects.toThrow('closed');
  await expect(compiled({ 'z.json': '1' })).rejects.toThrow('closed');
});
