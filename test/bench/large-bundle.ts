import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { type ApiClient, apiClient } from '@pointsman/client/internal/http/client';
import { AcceptedRelease } from '@pointsman/client/internal/http/resources';
import { pathOf, paths } from '../../packages/protocol/paths.ts';
import { packDirectory, type PackedSource } from '../../packages/cli/source/pack.ts';
import { archiveUpload, changedFiles } from '../../packages/cli/source/upload.ts';
import { createCompiler } from '../../services/compiler/compiler.ts';
import {
  BUNDLE,
  type BenchStack,
  type LivePointer,
  newPointer,
  nextMove,
  processorMsBelow,
  startBenchStack,
} from './bench-stack.ts';
import { corpus, type Corpus } from './compile-corpus.ts';
import { compile, DOCUMENTS, warmThreads } from './compile.ts';
import { type BenchRow, medianRatio, spread, timed } from './measure.ts';

const ROOT = join(import.meta.dirname, '../..');
const ROUNDS = 5;
/** The times of all rounds, in milliseconds. */
class Times {
  readonly elapsed: number[] = [];
  readonly processor: number[] = [];

  async add(work: () => Promise<unknown>, processorMs: () => number): Promise<void> {
    const before = processorMs();
    this.elapsed.push(await timed(work));
    this.processor.push(processorMs() - before);
  }

  toString(): string {
    return `${spread(this.elapsed)}; processor time ${spread(this.processor)}`;
  }
}

/**
 * Measures a bundle of 2,000 documents, published as the command line publishes it, from the POST until a long-poll returns the release:
 * the whole bundle, compared with one compilation of the same source; then with one changed document; then with one changed document as
 * the tenant's first publish after a restart of all processes. Each round has its own tenant. The stack runs as `npm start` runs it.
 */
export async function benchLargeBundle(): Promise<BenchRow[]> {
  const times = { compile: new Times(), whole: new Times(), changed: new Times(), restarted: new Times() };
  const compiler = createCompiler();
  const stack = await startBenchStack(ROOT);
  const client = apiClient(stack.connection);
  const ofStack = (): number => Object.values(stack.cpuMs()).reduce((total, ms) => total + ms, 0);
  const ofCompiler = (): number => processorMsBelow(process.pid) - ofStack();
  try {
    await warmThreads(compiler);
    for (let round = 0; round < ROUNDS; round++) {
      await warmStack(stack, client, `warm-${round}`);
      const pointer = await newPointer(stack, `tenant-${round}`, { 'a.json': '{}' });
      const edition = (nth: number): Corpus => corpus(DOCUMENTS, 1 + 3 * round + nth);
      const [first, second, third] = [edition(0), edition(1), edition(2)];
      const sources = await Promise.all([first, second, third].map(packed));
      const [whole, changed, restarted] = sources.map(
        (source) => () => publish(stack, client, pointer, source),
      );
      await times.compile.add(() => compile(compiler, pointer.tenant, first), ofCompiler);
      await times.whole.add(whole!, ofStack);
      await times.changed.add(changed!, ofStack);
      await stack.restart();
      // Another tenant publishes first, because the processes accept requests before they have loaded all of their code.
      await newPointer(stack, `other-${round}`, { 'a.json': '{}' });
      await times.restarted.add(restarted!, ofStack);
    }
  } finally {
    await compiler.close();
    await stack.stop();
  }
  return rows(times);
}

function rows(times: Readonly<Record<'compile' | 'whole' | 'changed' | 'restarted', Times>>): BenchRow[] {
  const row = (name: string, of: Times, base: [string, Times], aim: string): BenchRow => ({
    name,
    measured: String(of),
    floor: `${base[0]}: ${String(base[1])}`,
    ratio: medianRatio(of.elapsed, base[1].elapsed),
    aim,
  });
  const whole: [string, Times] = ['whole', times.whole];
  return [
    row(
      `publish of ${DOCUMENTS} documents, POST → live`,
      times.whole,
      ['one compilation', times.compile],
      'at most 1.3',
    ),
    row('the same with one document changed', times.changed, whole, 'at most 0.1'),
    row(
      'with one document changed, the first publish of the tenant after a restart',
      times.restarted,
      whole,
      'at most 0.1',
    ),
  ];
}

/** Publishes a bundle of each of two tenants at the same time, so that all threads and compile processes have optimized their code. */
async function warmStack(stack: BenchStack, client: ApiClient, prefix: string): Promise<void> {
  const source = await packed(corpus(DOCUMENTS));
  await Promise.all(
    ['a', 'b'].map(async (name) => {
      const pointer = await newPointer(stack, `${prefix}-${name}`, { 'a.json': '{}' });
      await publish(stack, client, pointer, source);
    }),
  );
}

/** Publishes as the command line does: asks for the missing blobs, and sends an archive or the changed files. Waits until the release is live. */
async function publish(
  stack: BenchStack,
  client: ApiClient,
  pointer: LivePointer,
  source: PackedSource,
): Promise<void> {
  const moved = nextMove(stack, pointer);
  const { tenant } = pointer;
  const path = pathOf(paths.releases, { tenant, bundle: BUNDLE });
  const call = { headers: { 'idempotency-key': randomUUID() }, deadline: AbortSignal.timeout(120_000) };
  const changes = await changedFiles(client, tenant, source, call.deadline);
  const sent =
    changes === null
      ? archiveUpload(source, { query: {}, ...call })
      : { json: { files: changes.files }, ...call };
  await client.call('POST', path, AcceptedRelease, sent);
  await moved;
}

/** Packs the files of a corpus as the command line packs a directory. */
async function packed({ tree, contents }: Corpus): Promise<PackedSource> {
  const directory = mkdtempSync(join(tmpdir(), 'pointsman-bench-source-'));
  try {
    for (const { path, digest } of tree.entries) {
      const file = join(directory, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, contents.get(digest) ?? '');
    }
    return await packDirectory(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
