import { afterEach, describe, expect, test } from 'vitest';

import { createCompiler } from '../../services/compiler/compiler.ts';
import type { Compiler, CompileResult } from '../../services/compiler/compiler.ts';
import { memorySource } from '../unit/compiler/compile-here.ts';
import type { Files } from '../unit/compiler/compile-here.ts';

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

/** Half the characters of a long text of a and b, in an order without a pattern: the same at each run. */
function noise(chars: number): string {
  let seed = 12_345;
  return Array.from({ length: chars }, () => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return (seed >> 16) & 1 ? 'a' : 'b';
  }).join('');
}

/** A source whose patterns each make their matcher as large as it may become: 8 MiB. `nth` makes its patterns others than those before. */
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

describe('what one tenant has compiled', () => {
  test('leaves no memory taken in the process that compiles for the next tenant', async () => {
    started({ limits: { threads: 1, heapMiB: 160 } });
    const honest = JSON.stringify(Array.from({ length: 130_000 }, (_, nth) => ({ id: `key${nth}`, n: nth })));
    expect((await compiled({ 'h.json': honest }, 'before')).kind).toBe('compiled');
    for (let nth = 0; nth < 4; nth++)
      expect((await compiled(patternsOf8MiB(nth, 6), 'hostile')).kind).toBe('compiled');
    expect((await compiled({ 'h.json': honest }, 'honest')).kind).toBe('compiled');
  });
});
