import { expect, test } from 'vitest';

import { compileLimits } from '../../../../core/limits/compile-limits.ts';
import { badEndings } from '../../../../services/compiler/turns/bad-endings.ts';
import { tenantStandings } from '../../../../services/compiler/turns/tenant-standings.ts';

test('the first death of a process is not held against the tenant of its source, and the second one with that source is', () => {
  const standings = tenantStandings(compileLimits);
  const endings = badEndings(compileLimits, standings);
  const died = { kind: 'died', defect: new Error('SIGKILL') } as const;
  expect(() => endings.endedBadly('acme', 'sha256:1', died)).toThrow('SIGKILL');
  expect(() => endings.endedBadly('acme', 'sha256:2', died)).toThrow('SIGKILL');
  expect(standings.of('acme')).toBe('quick');
  expect(endings.endedBadly('acme', 'sha256:1', died)).toMatchObject({ kind: 'uncompilable' });
  expect(standings.of('acme')).toBe('long');
  expect(endings.recall('acme', 'sha256:2')).toBeUndefined();
});

test('a source that exhausted a bound makes its tenant one of long compilations', () => {
  const standings = tenantStandings(compileLimits);
  const endings = badEndings(compileLimits, standings);
  const end = endings.endedBadly('acme', 'sha256:1', { kind: 'exhausted', limit: 'time' });
  expect(standings.of('acme')).toBe('long');
  expect(endings.recall('acme', 'sha256:1')).toBe(end);
});
