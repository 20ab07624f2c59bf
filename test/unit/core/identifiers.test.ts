import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  BundleName,
  correlationId,
  parseReleaseKey,
  releaseKey,
  TenantName,
} from '../../../packages/protocol/identifiers.ts';
import { pathProblem, sourceTree } from '../../../packages/protocol/releases/source.ts';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const id = fc.record({ tenant: name, bundle: name, version: fc.integer({ min: 1, max: 1_000_000 }) });

test('the key of a release identifies the release, and no other text is accepted as the key of a release', () => {
  fc.assert(
    fc.property(id, (release) => {
      expect(parseReleaseKey(releaseKey(release))).toEqual(release);
    }),
  );
  fc.assert(
    fc.property(id, id, (a, b) => {
      expect(releaseKey(a) === releaseKey(b)).toBe(correlationId(a) === correlationId(b));
    }),
  );
  for (const key of [
    '',
    'a/b',
    'a/b/1',
    'a/b/v0',
    'a/b/v01',
    'A/b/v1',
    'a/b/c/v1',
    'a/b/v1 ',
    '../b/v1',
    'a/b/v99999999999999999',
  ]) {
    expect(parseReleaseKey(key), key).toBeNull();
  }
});

test('a valid name is short, lower case, and without a dash at its ends', () => {
  for (const good of ['a', '7', 'a-b', 'acme', 'x'.repeat(63)])
    expect(TenantName.safeParse(good).success, good).toBe(true);
  for (const bad of ['', '-a', 'a-', 'A', 'a_b', 'a.b', 'a/b', 'é', 'x'.repeat(64), 'a b', 'a\n'])
    expect(BundleName.safeParse(bad).success, JSON.stringify(bad)).toBe(false);
});

test('the digest of a source depends on its files, and not on the order of the files', () => {
  const entry = (path: string, digit: string) => ({ path, digest: `sha256:${digit.repeat(64)}`, size: 1 });
  const [a, b] = [entry('a', '1'), entry('b', '2')];
  expect(sourceTree([a, b])).toEqual(sourceTree([b, a]));
  expect(sourceTree([a]).digest).not.toBe(sourceTree([b]).digest);
  expect(sourceTree([entry('a', '2')]).digest).not.toBe(sourceTree([a]).digest);
});

test('an ambiguous file path is refused', () => {
  for (const good of ['a', 'a/b.json', 'a b/ü.md', '.hidden', 'a..b', '...'])
    expect(pathProblem(good), good).toBeNull();
  for (const bad of [
    '',
    '/a',
    '../a',
    'a/../b',
    './a',
    'a//b',
    'a/',
    'a\\b',
    'C:/a',
    'a\0b',
    'a\nb',
    '\ud800',
    'x'.repeat(513),
  ])
    expect(pathProblem(bad), JSON.stringify(bad)).not.toBeNull();
});
