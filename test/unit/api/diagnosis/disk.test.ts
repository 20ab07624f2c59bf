import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';

import { diskFindings } from '../../../../services/api/diagnosis/disk.ts';

describe('the disk check of the diagnosis', () => {
  const GB = 1_000_000_000;
  const disk = (
    total: number,
    free: number,
    inodes: { all: number; free: number } = { all: 1_000, free: 500 },
  ) => ({
    bsize: 1_000,
    blocks: total / 1_000,
    bavail: free / 1_000,
    files: inodes.all,
    ffree: inodes.free,
  });

  // Simulated disks, so these tests run on every machine. The integration test fills a real disk where it is allowed
  // to mount one.
  test.each([
    ['is full', disk(100 * GB, 0), 'error', 'full: writes fail'],
    ['has less than a gigabyte', disk(100 * GB, 0.9 * GB), 'error', 'almost full'],
    ['is small and has less than 5 %', disk(10 * GB, 0.4 * GB), 'error', 'almost full'],
    ['has less than 5 gigabytes', disk(100 * GB, 4.9 * GB), 'warning', ' free '],
    ['is small and has less than 10 %', disk(10 * GB, 0.9 * GB), 'warning', ' free '],
    ['has few inodes', disk(100 * GB, 50 * GB, { all: 1_000, free: 9 }), 'error', 'only 9 further files'],
    ['has no inodes of its own', disk(100 * GB, 50 * GB, { all: 0, free: 0 }), 'ok', ' free '],
    ['has enough', disk(100 * GB, 50 * GB), 'ok', ' free '],
  ])('reports the state of a disk that %s', async (_what, stats, state, summary) => {
    const found = await diskFindings(tmpdir(), () => Promise.resolve(stats));
    expect(found).toMatchObject([
      { subject: `disk of ${tmpdir()}`, state, summary: expect.stringContaining(summary) },
    ]);
    expect(found[0]?.actions).toEqual(state === 'ok' ? [] : [expect.stringContaining('du -xsh')]);
  });

  test('reports an unknown state when no data directory is known', async () => {
    expect(await diskFindings(null)).toMatchObject([
      { subject: 'disk', state: 'unknown', summary: expect.stringMatching(/^not checked/) },
    ]);
  });
});
