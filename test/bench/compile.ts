import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import { createCompiler, type Compiler } from '../../services/compiler/compiler.ts';
import type { CompileResult } from '../../services/compiler/process/compiled.ts';
import { corpus, schema, type Corpus } from './compile-corpus.ts';
import { type BenchRow, medianRatio, spread, timed } from './measure.ts';

export const DOCUMENTS = 2_000;
const REPEATS = 7;

/**
 * Measures the compilation of a bundle of 2,000 mixed documents in three situations: with an empty cache and running
 * threads, with one changed document, and with no change. For comparison, the same libraries parse, validate and
 * serialize each file. Both are measured in turns.
 */
export async function benchCompile(): Promise<BenchRow[]> {
  const first = corpus(DOCUMENTS);
  const times = {
    bare: [] as number[],
    cold: [] as number[],
    changed: [] as number[],
    again: [] as number[],
  };
  bareWork(first);
  const compiler = createCompiler();
  try {
    await warmThreads(compiler);
    for (let nth = 0; nth < REPEATS; nth++) {
      // The cache is per tenant, so a new tenant starts with an empty cache.
      const tenant = `tenant-${nth}`;
      times.bare.push(await timed(() => Promise.resolve(bareWork(first))));
      times.cold.push(await timed(() => compile(compiler, tenant, first)));
      const changed = corpus(DOCUMENTS, nth + 1);
      times.changed.push(await timed(() => compile(compiler, tenant, changed)));
      times.again.push(await timed(() => compile(compiler, tenant, changed)));
    }
  } finally {
    await compiler.close();
  }
  return rowsOf(times);
}

function rowsOf(times: { [name in 'bare' | 'cold' | 'changed' | 'again']: number[] }): BenchRow[] {
  const kind = `${DOCUMENTS} documents (60 % YAML, 30 % JSON, 10 % TOML)`;
  return [
    {
      name: `compile ${kind}, cold`,
      measured: spread(times.cold),
      floor: `bare parse + ajv + JSON.stringify: ${spread(times.bare)}`,
      ratio: medianRatio(times.cold, times.bare),
      aim: 'at most 1.5',
    },
    {
      name: 'the same with one document changed',
      measured: spread(times.changed),
      floor: `cold: ${spread(times.cold)}`,
      ratio: medianRatio(times.changed, times.cold),
      aim: 'at most 0.1',
    },
    {
      name: 'the same source once more',
      measured: spread(times.again),
      floor: `cold: ${spread(times.cold)}`,
      ratio: medianRatio(times.again, times.cold),
    },
  ];
}

function bareWork({ documents }: Corpus): number {
  const validate = new Ajv2020({ strict: false }).compile(schema);
  let characters = 0;
  for (const { path, text } of documents) {
    const value: unknown = bareParse(path, text);
    if (!validate(value)) throw new Error(`${path} should satisfy the schema`);
    characters += JSON.stringify(value).length;
  }
  return characters;
}

function bareParse(path: string, text: string): unknown {
  if (path.endsWith('.json')) return JSON.parse(text);
  return path.endsWith('.toml') ? parseToml(text) : parseYaml(text);
}

export async function compile(
  compiler: Compiler,
  tenant: string,
  { tree, contents }: Corpus,
): Promise<CompileResult> {
  const result = await compiler.compile(tenant, tree, async (digests) => {
    return new Map(digests.map((digest) => [digest, contents.get(digest) ?? new Uint8Array()]));
  });
  if (result.kind !== 'compiled')
    throw new Error(`the corpus should compile: ${JSON.stringify(result).slice(0, 500)}`);
  return result;
}

/**
 * Compiles a small bundle on each of the two threads. A new thread is slower, because it has not loaded and optimized
 * its code yet. A service that has run for a minute has warm threads.
 */
export async function warmThreads(compiler: Compiler): Promise<void> {
  const small = corpus(400);
  await Promise.all(['warm-a', 'warm-b'].map((tenant) => compile(compiler, tenant, small)));
}

if (import.meta.main) {
  for (const { name, measured, floor, ratio, aim } of await benchCompile()) {
    process.stdout.write(`${name}\n  measured  ${measured}\n  beside    ${floor ?? '-'}\n`);
    process.stdout.write(
      `  ratio     ${ratio?.toFixed(3) ?? '-'}${aim === undefined ? '' : `  (aim: ${aim})`}\n`,
    );
  }
}
