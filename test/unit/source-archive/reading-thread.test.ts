import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { archiveReaderLimits } from '../../../services/source-archive/limits.ts';
import {
  type ReadingThread,
  startReadingThread,
  threadFile,
} from '../../../services/source-archive/reading-thread.ts';
import type { RepositoryTask } from '../../../services/source-archive/repository-thread.ts';
import type { ReadArchive } from '../../../services/source-archive/tar-archive.ts';
import { repositoryArchive } from '../../support/data/archives.ts';

const MODULE = new URL('../../../services/source-archive/repository-reader.ts', import.meta.url).href;

/**
 * The time limit of one task. It is far above the time of a single task, and far below the time of all tasks of a
 * test.
 */
const TIMEOUT_MS = 2_000;

const silent = pino({ level: 'silent' });

let reader: ReadingThread<RepositoryTask, ReadArchive>;
let archive: Buffer;

beforeAll(async () => {
  const limits = { ...archiveReaderLimits, timeoutMs: TIMEOUT_MS, queued: 1_000, queuedPerTenant: 900 };
  reader = startReadingThread(threadFile('repository-thread', MODULE), limits, silent);
  archive = await repositoryArchive({ 'a.json': '{}', 'large.bin': 'x'.repeat(7 * 1024 * 1024) });
  await read('warm-up');
});
afterAll(() => reader.close());

const read = (tenant: string): Promise<ReadArchive> =>
  reader.read(tenant, { bytes: new Uint8Array(archive), folder: null });

test('the timeout of a task begins when the thread that reads sources starts it, so a task may wait longer than its timeout', async () => {
  const beganAt = performance.now();
  await read('a');
  const tasks = Math.ceil((2 * TIMEOUT_MS) / (performance.now() - beganAt));
  const results = await Promise.all(Array.from({ length: Math.min(tasks, 800) }, () => read('a')));
  expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['source']));
});

test('the only task of a tenant is read before the second task of a tenant with many tasks', async () => {
  const ended: string[] = [];
  const note = (tenant: string) => (): void => void ended.push(tenant);
  const many = Array.from({ length: 20 }, () => read('many').then(note('many')));
  const one = read('one').then(note('one'));
  await Promise.all([...many, one]);
  expect(ended.indexOf('one')).toBeLessThanOrEqual(1);
});

test('a tenant with too many waiting tasks gets the error that it is busy, and another tenant does not', async () => {
  const small = startReadingThread<RepositoryTask, ReadArchive>(
    threadFile('repository-thread', MODULE),
    archiveReaderLimits,
    silent,
  );
  try {
    const task = (): RepositoryTask => ({ bytes: new Uint8Array(archive), folder: null });
    const all = Array.from({ length: 7 }, () => small.read('a', task()));
    const settled = Promise.allSettled(all);
    expect((await small.read('b', task())).kind).toBe('source');
    const refused = (await settled).filter(({ status }) => status === 'rejected');
    expect(refused).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'busy' }) as Error },
      { status: 'rejected', reason: expect.objectContaining({ code: 'busy' }) as Error },
    ]);
  } finally {
    await small.close();
  }
});

test('a task that exceeds a limit of the JavaScript engine is refused as too large, and is logged as a defect', async () => {
  const lines: object[] = [];
  const log = { error: (line: object) => void lines.push(line) };
  const file = new URL('../../support/runs/overflowing-thread.ts', import.meta.url);
  const overflowing = startReadingThread<RepositoryTask, never>(file, archiveReaderLimits, log);
  try {
    const task = { bytes: new Uint8Array(1), folder: null };
    await expect(overflowing.read('a', task)).rejects.toMatchObject({ code: 'too_large' });
    expect(lines).toEqual([{ err: expect.any(RangeError) as Error, what: 'source' }]);
  } finally {
    await overflowing.close();
  }
});
