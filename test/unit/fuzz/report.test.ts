import { describe, expect, test } from 'vitest';

import { type FuzzReport, MOST_API_MIB, problemsOf } from '../../fuzz/report.ts';

const document = {
  paths: {
    '/a': { get: { operationId: 'read' }, post: { operationId: 'publish' } },
  },
};
const enough = new Map(
  ['read', 'publish', 'publish of an archive', 'dry run', 'HEAD', 'bytes'].map((name) => [name, 2] as const),
);
const report: FuzzReport = {
  planned: 3_000,
  requests: 3_000,
  statuses: new Map(),
  kinds: 1,
  succeeded: enough,
  violations: [],
  beforeMiB: 1,
  peakMiB: 2,
  slowestMs: 1,
};

describe('a fuzz run', () => {
  test('has no problem when it reached every operation within its memory limit', () => {
    expect(problemsOf(report, document)).toEqual([]);
  });

  test('has a problem when an operation, or one kind of an operation, has too few successes', () => {
    const succeeded = new Map([...enough, ['read', 1], ['dry run', 0]] as const);
    expect(problemsOf({ ...report, succeeded }, document)).toEqual([
      'read succeeded 1 times, which is fewer than 2',
      'dry run succeeded 0 times, which is fewer than 2',
    ]);
  });

  test.each([MOST_API_MIB, Number.NaN])('has a problem when its peak memory is %d MiB', (peakMiB) => {
    expect(problemsOf({ ...report, peakMiB }, document)).toHaveLength(1);
  });
});
