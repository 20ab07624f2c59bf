import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { getPriority } from 'node:os';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { compileLimits } from '../../core/limits.ts';
import { bundlerLimits } from '../../services/compiler/limits.ts';
import { createCompiler } from '../../services/compiler/compiler.ts';
import type { Compiler, CompileResult } from '../../services/compiler/compiler.ts';
import { eventually } from '../support/eventually.ts';
import { memorySource } from '../unit/compiler/compile-here.ts';
import type { Files } from '../unit/compiler/compile-here.ts';

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
/** The bundler takes 60,000 bytes of memory for each of its bytes. */
const hungry = module(`${'`${a}`+'.repeat(30_000)}a`);

interface Seen {
  readonly pid: number;
  readonly command: string;
  readonly environment: string;
  readonly errors: string;
  readonly peakKiB: number;
  readonly niceness: number;
}

/** The processes that this one has started, and those that they have started, as the kernel shows them. */
function descendants(of: number = process.pid): Seen[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid)) return [];
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
      return parent === of ? [seen(pid), ...descendants(pid)] : [];
    } catch {
      // It has ended meanwhile.
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

/** What was seen of the compile processes and bundlers while the work went on. */
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

describe.skipIf(process.platform !== 'linux')('what compiles the sources of tenants', () => {
  test('has no secret and no address of a store in its environment, and neither has the bundler', async () => {
    const secrets = {
      DATABASE_URL: 'postgres://owner:hidden-1@db/pointsman',
      POINTSMAN_SECRET_KEY: 'hidden-2',
      POINTSMAN_ADMIN_TOKEN: 'hidden-3',
      REDIS_URL: 'redis://:hidden-4@redis',
      AMQP_URL: 'amqp://guest:hidden-5@rabbit',
      POINTSMAN_WORKER_IDENTITY_KEY: 'hidden-6',
    };
    for (const [name, value] of Object.entries(secrets)) vi.stubEnv(name, value);
    const large = Array.from({ length: 8_000 }, (_, nth) => `export const a${nth} = ${nth};`).join('\n');
    const { result, compilers, bundlers } = await watched(compiled(module(large)));
    expect(result.kind).toBe('compiled');
    expect(compilers.length).toBeGreaterThan(0);
    expect(bundlers.length).toBeGreaterThan(0);
    for (const { environment } of [...compilers, ...bundlers]) {
      expect(environment).not.toMatch(/hidden-|DATABASE_URL|_TOKEN|SECRET|REDIS_URL|AMQP_URL|IDENTITY/);
    }
    expect(new Set(compilers.map(({ niceness }) => niceness))).toEqual(new Set([compileLimits.niceness]));
    expect(getPriority(process.pid)).toBe(0);
  });

  test('bounds the memory of the bundler, reports its end at the module, and fails nobody else', async () => {
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

  test('ends when the process that started it is killed', async () => {
    const script = `
      import { createCompiler } from ${JSON.stringify(new URL('../../services/compiler/compiler.ts', import.meta.url).href)};
      createCompiler();
      process.stdout.write('started');
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const pids = descendants(parent.pid).map(({ pid }) => pid);
    expect(pids).toHaveLength(compileLimits.threads);
    parent.kill('SIGKILL');
    await eventually(async () => !pids.some((pid) => existsSync(`/proc/${pid}`)), {
      what: 'its processes end',
    });
  });
});

test('a compile process that is killed from outside fails its compilation with the reason, and is replaced', async () => {
  compiler = createCompiler({ limits: { threads: 1 } });
  const large = Array.from({ length: 8_000 }, (_, nth) => `export const a${nth} = ${nth};`).join('\n');
  const running = compiled(module(large));
  running.catch(() => undefined);
  if (process.platform === 'linux') {
    for (const { pid, command } of descendants())
      if (command.includes('compile-process')) process.kill(pid, 'SIGKILL');
    await expect(running).rejects.toThrow('the compile process was ended (SIGKILL)');
  }
  expect((await compiled(small)).kind).toBe('compiled');
});
