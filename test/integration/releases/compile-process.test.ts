import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { getPriority } from 'node:os';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { compileLimits } from '../../../core/limits/compile-limits.ts';
import { bundlerLimits, processLimits } from '../../../services/compiler/limits.ts';
import { createCompiler, type Compiler } from '../../../services/compiler/compiler.ts';
import type { CompileResult } from '../../../services/compiler/process/compiled.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { memorySource, type Files } from '../../unit/compiler/compile-here.ts';

let compiler: Compiler | null = null;
afterEach(async () => {
  await compiler?.close();
  compiler = null;
  vi.unstubAllEnvs();
});

async function compiled(files: Files, tenant = 'acme'): Promise<CompileResult> {
  compiler ??= createCompiler();
  const source = memorySource(files);
  return await compiler.compile(tenant, source.tree, source.readBlobs);
}

const module = (code: string): Files => ({
  'pointsman.yaml': 'apiVersion: pointsman/v1\nmodules: [{ entry: m.ts }]',
  'm.ts': code,
});
const small: Files = { 'a.yaml': 'x: 1' };
/** A module for which the bundler needs 60,000 bytes of memory per byte of source. */
const hungry = module(`${'`${a}`+'.repeat(30_000)}a`);

interface Seen {
  readonly pid: number;
  readonly command: string;
  readonly environment: string;
  readonly errors: string;
  readonly peakKiB: number;
  readonly niceness: number;
}

/** The processes that this process has started, and their descendants, from /proc. */
function descendants(of: number = process.pid): Seen[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid)) return [];
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
      return parent === of ? [seen(pid), ...descendants(pid)] : [];
    } catch {
      // The process ended before its data could be read.
      return [];
    }
  });
}

function seen(pid: number): Seen {
  const text = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8');
  return {
    pid,
    command: text('cmdline').replaceAll('\0', ' '),
    environment: text('environ'),
    errors: readlinkSync(`/proc/${pid}/fd/2`),
    peakKiB: Number(/^VmHWM:\s+(\d+)/m.exec(text('status'))?.[1] ?? 0),
    niceness: getPriority(pid),
  };
}

/** Runs `work`, and returns the compile processes and bundlers that existed at some time during it. */
async function watched<T>(work: Promise<T>): Promise<{ result: T; compilers: Seen[]; bundlers: Seen[] }> {
  const all = new Map<number, Seen>();
  const state = { isOver: false };
  const ended = work.finally(() => {
    state.isOver = true;
  });
  do {
    for (const one of descendants()) all.set(one.pid, one);
    await new Promise((resolve) => setTimeout(resolve, 2));
  } while (!state.isOver);
  const found = [...all.values()];
  return {
    result: await ended,
    compilers: found.filter(({ command }) => command.includes('compile-process')),
    bundlers: found.filter(({ command }) => command.includes('--service')),
  };
}

describe.skipIf(process.platform !== 'linux')('a compile process', () => {
  test('has no secret and no store address in its environment and a lower priority than its parent, and the same holds for its bundler', async () => {
    const secrets = {
      DATABASE_URL: 'postgres://owner:hidden-1@db/pointsman',
      POINTSMAN_SECRET_KEY: 'hidden-2',
      POINTSMAN_ADMIN_TOKEN: 'hidden-3',
      REDIS_URL: 'redis://:hidden-4@redis',
      AMQP_URL: 'amqp://guest:hidden-5@rabbit',
      POINTSMAN_WORKER_IDENTITY_KEY: 'hidden-6',
    };
    for (const [name, value] of Object.entries(secrets)) vi.stubEnv(name, value);
    const ownNiceness = getPriority(process.pid);
    const large = Array.from({ length: 8_000 }, (_, nth) => `export const a${nth} = ${nth};`).join('\n');
    const { result, compilers, bundlers } = await watched(compiled(module(large)));
    expect(result.kind).toBe('compiled');
    expect(compilers.length).toBeGreaterThan(0);
    expect(bundlers.length).toBeGreaterThan(0);
    for (const { environment } of [...compilers, ...bundlers]) {
      expect(environment).not.toMatch(/hidden-|DATABASE_URL|_TOKEN|SECRET|REDIS_URL|AMQP_URL|IDENTITY/);
    }
    expect(new Set(compilers.map(({ niceness }) => niceness))).toEqual(new Set([compileLimits.niceness]));
    expect(getPriority(process.pid)).toBe(ownNiceness);
  });

  test('limits the memory of its bundler, reports a killed bundler at the module, and does not fail other compilations', async () => {
    const { result, bundlers } = await watched(Promise.all([compiled(hungry), compiled(small, 'other')]));
    const [bad, good] = result;
    expect(good.kind).toBe('compiled');
    expect(bad).toMatchObject({
      kind: 'invalid',
      diagnostics: [{ path: 'm.ts', line: 1, column: 1, code: 'module_unbundlable' }],
    });
    expect(bundlers.length).toBeGreaterThan(0);
    for (const { peakKiB, errors } of bundlers) {
      expect(peakKiB).toBeLessThan(bundlerLimits.dataMiB * 1_024);
      expect(errors).toBe('/dev/null');
    }
    expect((await compiled(module('export const a = 1;'))).kind).toBe('compiled');
  });

  test('ends when its parent process is killed', async () => {
    const script = `
      import { createCompiler } from ${JSON.stringify(new URL('../../../services/compiler/compiler.ts', import.meta.url).href)};
      createCompiler();
      process.stdout.write('started');
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const pids = descendants(parent.pid).map(({ pid }) => pid);
    expect(pids).toHaveLength(processLimits.reserve);
    parent.kill('SIGKILL');
    await eventually(async () => !pids.some((pid) => existsSync(`/proc/${pid}`)), {
      what: 'its processes end',
    });
  });
});

/** Creates a module with that many imports. Each imported file has different content. */
function moduleWithImports(imports: number): Files {
  const all = Array.from({ length: imports }, (_, nth) => nth);
  return {
    ...module(all.map((nth) => `export * as i${nth} from './f${nth}.ts';`).join('\n')),
    ...Object.fromEntries(all.map((nth) => [`f${nth}.ts`, `export const secret = 'of acme ${nth}';`])),
  };
}

function contentsOf(result: CompileResult): Map<string, string> {
  if (result.kind !== 'compiled') throw new Error(JSON.stringify(result));
  const texts = new Map(
    result.blobs.map(({ digest, content }) => [digest, new TextDecoder().decode(content)]),
  );
  return new Map((result.artifacts[0]?.files ?? []).map((file) => [file.path, texts.get(file.digest) ?? '']));
}

function digestsOf(result: CompileResult): readonly string[] {
  if (result.kind !== 'compiled') throw new Error(JSON.stringify(result));
  return result.artifacts.map(({ digest }) => digest);
}

describe('a file that is read for a compilation', () => {
  test('does not reach the compilation of another tenant, even if its own compilation ended before the read', async () => {
    compiler = createCompiler({ limits: { threads: 1 } });
    const secretFiles = Array.from({ length: 30 }, (_, nth) => `f${nth}.ts`);
    // Reads run one at a time. The file that makes the bundler fail is therefore read before the files whose reads
    // are delayed.
    const hostile = memorySource({
      ...module(`import './hungry.ts'; import './next.ts';`),
      'hungry.ts': hungry['m.ts'] ?? '',
      'next.ts': secretFiles.map((path) => `import './${path}';`).join('\n'),
      ...Object.fromEntries(secretFiles.map((path) => [path, `export const secret = 'of acme ${path}';`])),
    });
    const secrets = new Set(
      hostile.tree.entries.filter(({ path }) => /^f\d+/.test(path)).map(({ digest }) => digest),
    );
    const late = Promise.withResolvers<void>();
    let isLate = false;
    const first = await compiler.compile('acme', hostile.tree, async (digests) => {
      if (digests.some((digest) => secrets.has(digest))) {
        isLate = true;
        await late.promise;
      }
      return await hostile.readBlobs(digests);
    });
    expect(isLate).toBe(true);
    expect(first).toMatchObject({ kind: 'invalid', diagnostics: [{ code: 'module_unbundlable' }] });

    const files: Files = { 'a.yaml': 'tenant: other' };
    const source = memorySource(files);
    const second = await compiler.compile('other', source.tree, async (digests) => {
      late.resolve();
      // Gives the delayed reads of the first tenant time to end before the read of this tenant.
      await new Promise((resolve) => setTimeout(resolve, 100));
      return await source.readBlobs(digests);
    });
    expect(contentsOf(second)).toEqual(new Map([['a.yaml', '{"tenant":"other"}']]));
    await compiler.close();
    compiler = null;
    expect(digestsOf(await compiled(files, 'other'))).toEqual(digestsOf(second));
  });

  test.each([1, 2, 3])(
    'is given to the import that requested it, in any order of the reads (seed %i)',
    async (seed) => {
      const files = moduleWithImports(40);
      const atOnce = await compiled(files);
      const { tree, readBlobs } = memorySource(files);
      compiler ??= createCompiler();
      const slowly = await compiler.compile('other', tree, async (digests) => {
        const order = tree.entries.findIndex(({ digest }) => digest === digests[0]);
        await new Promise((resolve) => setTimeout(resolve, (order * 7_919 * seed) % 101));
        return await readBlobs(digests);
      });
      expect(contentsOf(slowly)).toEqual(contentsOf(atOnce));
      expect(digestsOf(slowly)).toEqual(digestsOf(atOnce));
    },
  );

  test.each([
    ['a document', small, 'a.yaml'],
    ['an imported file', moduleWithImports(3), 'f1.ts'],
  ])('is refused when its content does not match its digest: %s', async (_what, files, path) => {
    compiler = createCompiler({ limits: { threads: 1 } });
    const { tree, readBlobs } = memorySource(files);
    const swapped = tree.entries.find((entry) => entry.path === path)?.digest ?? '';
    const wrongly: typeof readBlobs = async (digests) => {
      const blobs = new Map(await readBlobs(digests));
      if (blobs.has(swapped)) blobs.set(swapped, new TextEncoder().encode('{"of":"somebody else"}'));
      return blobs;
    };
    await expect(compiler.compile('acme', tree, wrongly)).rejects.toThrow(
      `the content of ${swapped} has a different digest`,
    );
    expect((await compiler.compile('acme', tree, readBlobs)).kind).toBe('compiled');
  });

  test('fails the compilation with the error of the store when it cannot be read, and the source compiles afterwards', async () => {
    compiler = createCompiler({ limits: { threads: 1 } });
    const { tree, readBlobs } = memorySource(moduleWithImports(3));
    const imported = tree.entries.find(({ path }) => path === 'f1.ts')?.digest ?? '';
    const failure = new Error('the store is away');
    const failing: typeof readBlobs = async (digests) => {
      if (digests.includes(imported)) throw failure;
      return await readBlobs(digests);
    };
    await expect(compiler.compile('acme', tree, failing)).rejects.toBe(failure);
    expect((await compiler.compile('acme', tree, readBlobs)).kind).toBe('compiled');
  });
});

test.skipIf(process.platform !== 'linux')(
  'a compile process that does not start does not count against the source, and is replaced',
  async () => {
    const others = new Set(descendants().map(({ pid }) => pid));
    compiler = createCompiler({ limits: { threads: 1, threadStartMs: 5_000 } });
    const [first] = descendants().filter(({ pid }) => !others.has(pid));
    if (!first) throw new Error('there is no compile process');
    process.kill(first.pid, 'SIGSTOP');
    await expect(compiled(small)).rejects.toMatchObject({
      code: 'unavailable',
      cause: { message: 'the compile process did not start within 5000 ms' },
    });
    expect((await compiled(small)).kind).toBe('compiled');
  },
  30_000,
);
