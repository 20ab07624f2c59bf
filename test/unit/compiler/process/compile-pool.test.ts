import { once } from 'node:events';

import { afterEach, expect, test, vi } from 'vitest';

import { processLimits } from '../../../../services/compiler/limits.ts';
import { compileEnvironment } from '../../../../services/compiler/process/process-environment.ts';
import { compileProcesses } from '../../../support/processes/compile-processes.ts';
import { type CompilePool, compilePool } from '../../../../services/compiler/process/compile-pool.ts';

let pool: CompilePool | null = null;
afterEach(() => {
  pool?.close();
  vi.useRealTimers();
});

function started(threads: number): CompilePool {
  pool = compilePool({ threads, heapMiB: 64, youngHeapMiB: 16 });
  return pool;
}

test('a spare compile process replaces a killed one, without waiting for a new process to start', async () => {
  const { take, giveBack } = started(1);
  const first = take();
  const inReserve = take();
  giveBack(inReserve);
  first.child.kill('SIGKILL');
  giveBack(first);
  const next = take();
  expect(next).toBe(inReserve);
  giveBack(next);
  await once(first.child, 'exit');
  expect(take()).toBe(inReserve);
});

test.skipIf(process.platform !== 'linux')(
  'the pool has as many compile processes as it ever used at the same time, and starts a spare one when a compilation takes long',
  () => {
    vi.useFakeTimers();
    const before = compileProcesses();
    const { take, started: begin, giveBack } = started(2);
    const processes = () => compileProcesses().filter((pid) => !before.includes(pid)).length;
    expect(processes()).toBe(1);
    for (let nth = 0; nth < 3; nth++) {
      const short = take();
      begin(short);
      giveBack(short);
    }
    for (const one of [take(), take()]) giveBack(one);
    vi.advanceTimersByTime(processLimits.spareAfterMs);
    expect(processes()).toBe(2);
    const long = take();
    begin(long);
    vi.advanceTimersByTime(processLimits.spareAfterMs);
    expect(processes()).toBe(3);
    giveBack(long);
    giveBack(take());
    expect(processes()).toBe(3);
  },
);

test('returned compile processes are reused in the order in which they were started', () => {
  const { take, giveBack } = started(2);
  const [first, second] = [take(), take()];
  giveBack(second);
  giveBack(first);
  expect([take(), take()]).toEqual([first, second]);
});

test.skipIf(process.platform !== 'linux')(
  'the compiler starts the bundler through the script that sets its limits',
  () => {
    expect(compileEnvironment({}).ESBUILD_BINARY_PATH).toMatch(/limited-bundler\.sh$/);
  },
);
