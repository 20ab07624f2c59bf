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

async function compiled(files: Files, tenant: string): Promise<CompileResult> {
  const source = memorySource(files);
  return await (compiler ?? started()).compile(tenant, source.tree, source.readBlobs);
}

const recipe = 'apiVersion: pointsman/v1\n';

/** A long text of the letters a and b in pseudo-random order. It is the same in every run. */
function noise(chars: number): string {
  let seed = 12_345;
  return Array.from({ length: chars }, () => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return (seed >> 16) & 1 ? 'a' : 'b';
  }).join('');
}

/**
 * A source with patterns that each use the matcher's maximum memory of 8 MiB. A different `nth` gives different
 * patterns.
 */
function patternsOf8MiB(nth: number, patterns: number): Files {
  const text = JSON.stringify(noise(25_000));
  const all = Array.from({ length: patterns }, (_, index) => index);
  const schema = (index: number): string => {
    const other = String.fromCodePoint(0x4e00 + nth * patterns + index);
    return JSON.stringify({ pattern: `^(?:a|b)*a(?:a|b){16}[a-b${other}]*$` });
  };
  const rules = all.map((index) => `  - { include: ["d${index}.json"], schema: s${index}.json }\n`);
  return {
    'pointsman.yaml': `${recipe}documents:\n${rules.join('')}`,
    ...Object.fromEntries(
      all.flatMap((index) => [
        [`d${index}.json`, text],
        [`s${index}.json`, schema(index)],
      ]),
    ),
  };
}

describe('a process that has compiled a source with large patterns', () => {
  test('has freed its memory when it compiles for the next tenant', async () => {
    started({ limits: { threads: 1, heapMiB: 160 } });
    const honest = JSON.stringify(Array.from({ length: 130_000 }, (_, nth) => ({ id: `key${nth}`, n: nth })));
    expect((await compiled({ 'h.json': honest }, 'before')).kind).toBe('compiled');
    for (let nth = 0; nth < 4; nth++)
      expect((await compiled(patternsOf8MiB(nth, 6), 'hostile')).kind).toBe('compiled');
    expect((await compiled({ 'h.json': honest }, 'honest')).kind).toBe('compiled');
  });
});

/**
 * A source in which each document uses up its limit of two seconds of processor time. A different `name` gives a
 * different source.
 */
function monster(name: string): Files {
  const schema = {
    $ref: '#/$defs/a40',
    $defs: Object.fromEntries(
      Array.from({ length: 41 }, (_, nth) => {
        const before = { $ref: `#/$defs/a${nth - 1}` };
        return [`a${nth}`, nth === 0 ? { type: 'integer' } : { allOf: [before, before] }];
      }),
    ),
  };
  return {
    'pointsman.yaml': `${recipe}documents: [{ include: ["d/*"], schema: s.json }]\nassets: [name.txt]`,
    's.json': JSON.stringify(schema),
    'name.txt': name,
    ...Object.fromEntries(Array.from({ length: 100 }, (_, nth) => [`d/${nth}.json`, String(nth)])),
  };
}

describe('hostile tenants that queue long sources', () => {
  test('have at most three compilations started each: a quick, a slow and a long one, however many sources they queue', async () => {
    const queueing = started({ limits: { timeoutMs: 60_000, longMs: 1_500, sliceMs: 300 } });
    /** Counts how often the compilation of each source was started. Every start reads the recipe first. */
    const starts = new Map<string, number>();
    const hostile = (tenant: string, name: string): void => {
      const source = memorySource(monster(name));
      const first = source.tree.entries.find(({ path }) => path === 'pointsman.yaml')?.digest ?? '';
      queueing
        .compile(tenant, source.tree, (digests) => {
          if (digests.includes(first)) starts.set(tenant, (starts.get(tenant) ?? 0) + 1);
          return source.readBlobs(digests);
        })
        .catch(() => undefined);
    };
    hostile('holds the long place', 'x');
    for (let nth = 0; nth < 8; nth++) for (const tenant of ['evil-1', 'evil-2']) hostile(tenant, `${nth}`);
    for (let nth = 0; nth < 8; nth++)
      expect((await compiled({ 'a.json': `{"n":${nth}}` }, 'honest')).kind).toBe('compiled');
    expect(starts.get('evil-1')).toBeLessThanOrEqual(3);
    expect(starts.get('evil-2')).toBeLessThanOrEqual(3);
  });
});

test('a tenant that compiles many large sources does not evict the cached documents of another tenant', async () => {
  started({ limits: { cacheBytes: 4_000_000, memoBytes: 4_000_000 } });
  const honest = memorySource({ 'a.json': '{"a":1}', 'b.json': '{"b":1}' });
  await compiler?.compile('honest', honest.tree, honest.readBlobs);
  const large: [string, string][] = Array.from({ length: 8 }, (_, nth) => [
    `${nth}.json`,
    JSON.stringify(`${nth}${'x'.repeat(900_000)}`),
  ]);
  expect((await compiled(Object.fromEntries(large), 'evil')).kind).toBe('compiled');
  for (let nth = 0; nth < 70; nth++) await compiled({ 'a.json': String(nth) }, 'evil');
  const same = memorySource({ 'a.json': '{"a":1}', 'b.json': '{"b":1}' });
  await compiler?.compile('honest', same.tree, same.readBlobs);
  expect(same.read).toEqual([]);
  const changed = memorySource({ 'a.json': '{"a":2}', 'b.json': '{"b":1}' });
  await compiler?.compile('honest', changed.tree, changed.readBlobs);
  expect(changed.read).toHaveLength(1);
});
