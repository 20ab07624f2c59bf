import { compileProcesses } from '../../support/processes/compile-processes.ts';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createCompiler, type Compiler } from '../../../services/compiler/compiler.ts';
import type { CompileResult } from '../../../services/compiler/process/compiled.ts';
import { memorySource, type Files } from '../../unit/compiler/compile-here.ts';

let compiler: Compiler | null = null;
afterEach(async () => {
  await compiler?.close();
  compiler = null;
});

async function compiled(files: Files, tenant = 'acme'): Promise<CompileResult> {
  compiler ??= createCompiler();
  const source = memorySource(files);
  return await compiler.compile(tenant, source.tree, source.readBlobs);
}

const small: Files = { 'a.yaml': 'x: 1' };

/** The compile processes of other compilers in this process. */
let others: readonly number[];
beforeEach(() => {
  others = compileProcesses();
});

/** Kills the compile processes of this test's compiler. Returns their number. */
function killCompileProcesses(): number {
  const all = compileProcesses().filter((pid) => !others.includes(pid));
  for (const pid of all) process.kill(pid, 'SIGKILL');
  return all.length;
}

describe.skipIf(process.platform !== 'linux')('a compile process that is killed from outside', () => {
  test('while it is idle does not fail a compilation: the next compilation runs in another process', async () => {
    compiler = createCompiler({ limits: { threads: 1 } });
    expect((await compiled(small)).kind).toBe('compiled');
    const again = compiled({ 'b.yaml': 'x: 2' });
    expect(killCompileProcesses()).toBeGreaterThan(0);
    expect((await again).kind).toBe('compiled');
  });

  test('during a compilation fails it with the reason, and is replaced', async () => {
    compiler = createCompiler({ limits: { threads: 1 } });
    const { tree, readBlobs } = memorySource(small);
    const running = compiler.compile('acme', tree, async (digests) => {
      killCompileProcesses();
      return await readBlobs(digests);
    });
    await expect(running).rejects.toMatchObject({
      code: 'unavailable',
      cause: new Error('the compile process died (SIGKILL): '),
    });
    expect((await compiled(small)).kind).toBe('compiled');
  });

  test('twice while it compiles one source causes that source to be marked as uncompilable', async () => {
    const errors: unknown[] = [];
    compiler = createCompiler({
      limits: { threads: 1 },
      log: { error: (fields: unknown) => errors.push(fields) },
    });
    const { tree, readBlobs } = memorySource(small);
    const killing: typeof readBlobs = async (digests) => {
      killCompileProcesses();
      return await readBlobs(digests);
    };
    await expect(compiler.compile('acme', tree, killing)).rejects.toMatchObject({ code: 'unavailable' });
    const second = await compiler.compile('acme', tree, killing);
    expect(second).toMatchObject({ kind: 'uncompilable' });
    expect(await compiler.compile('acme', tree, readBlobs)).toBe(second);
    expect((await compiled(small, 'other')).kind).toBe('compiled');
    if (second.kind === 'uncompilable') expect(errors).toMatchObject([{ reference: second.reference }]);
  });
});

test('a source on which the compiler throws is not compiled again, and its error refers to the log entry with the reason', async () => {
  const errors: object[] = [];
  compiler = createCompiler({
    limits: { threads: 2 },
    log: { error: (fields: object) => errors.push(fields) },
  });
  const { tree, readBlobs } = memorySource(small);
  // Simulates a defect: the compiler throws on this source, because it expects every path to be a string.
  const faulty = (nth: number) => ({
    ...tree,
    digest: `sha256:${nth}`,
    entries: tree.entries.map((entry) => ({ ...entry, path: [entry.path] as unknown as string })),
  });
  const first = await compiler.compile('acme', faulty(1), readBlobs);
  expect(first).toMatchObject({ kind: 'uncompilable' });
  if (first.kind === 'uncompilable') {
    expect(first.message).toContain(first.reference);
    expect(errors).toMatchObject([{ reference: first.reference, tenant: 'acme', source: 'sha256:1' }]);
  }
  expect(await compiler.compile('acme', faulty(1), readBlobs)).toBe(first);
  expect(errors).toHaveLength(1);
  const queueing = compiler;
  const loops = ['acme', 'evil'].flatMap((tenant) =>
    [2, 3, 4].map(async (nth) => await queueing.compile(tenant, faulty(nth), readBlobs)),
  );
  expect((await compiled(small, 'honest')).kind).toBe('compiled');
  for (const { kind } of await Promise.all(loops)) expect(kind).toBe('uncompilable');
});
