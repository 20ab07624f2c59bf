import { expect, test } from 'vitest';

import { rollbackTarget } from '../../../services/cli/rollback-target.ts';

/** The moves of a pointer that was at these versions one after another, newest first. */
function movesThrough(versions: readonly number[]) {
  const end = (version: number) => ({ version, digest: `sha256:${String(version % 10).repeat(64)}` });
  return versions
    .map((version, index) => ({
      generation: index + 1,
      from: index === 0 ? null : end(versions[index - 1] ?? 0),
      to: end(version),
      by: 'somebody',
      why: 'a test',
      movedAt: '2026-01-01T00:00:00.000Z',
    }))
    .toReversed();
}

test('goes back to what was live before', () => {
  expect(rollbackTarget(2, movesThrough([1, 2]))).toBe(1);
});

test('a second rollback goes further back, not forth to what was rolled back from', () => {
  expect(rollbackTarget(2, movesThrough([1, 2, 3, 2]))).toBe(1);
});

test('after a rollback and a new publish, goes back to the version that was rolled back to', () => {
  expect(rollbackTarget(3, movesThrough([1, 2, 1, 3]))).toBe(1);
});

test('there is nothing before the first version, however often the pointer came back to it', () => {
  expect(rollbackTarget(1, movesThrough([1]))).toBeNull();
  expect(rollbackTarget(1, movesThrough([1, 2, 1]))).toBeNull();
});

test('a version that the history does not know has nothing before it', () => {
  expect(rollbackTarget(9, movesThrough([1, 2]))).toBeNull();
});
