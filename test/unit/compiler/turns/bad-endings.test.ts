import { expect, test } from 'vitest';

import { compileLimits } from '../../../../core/limits/compile-limits.ts';
import { compilerUnavailable } from '../../../../services/compiler/process/compiler-unavailable.ts';
import { badEndings } from '../../../../services/compiler/turns/bad-endings.ts';
import { tenantStandings } from '../../../../services/compiler/turns/tenant-standings.ts';

test('the first crash of a compile process on a source does not count against its tenant, but the second one does', () => {
  const standings = tenantStandings(compileLimits);
  const endings = badEndings(compileLimits, standings);
  const died = { kind: 'died', defect: new Error('SIGKILL') } as const;
  expect(() => endings.recordBadEnd('acme', 'sha256:1', died)).toThrow(compilerUnavailable(died.defect));
  expect(() => endings.recordBadEnd('acme', 'sha256:2', died)).toThrow(compilerUnavailable(died.defect));
  expect(standings.of('acme')).toBe('quick');
  expect(endings.recordBadEnd('acme', 'sha256:1', died)).toMatchObject({ kind: 'uncompilable' });
  expect(standings.of('acme')).toBe('long');
  expect(endings.recall('acme', 'sha256:2')).toBeUndefined();
});

test('a source that exceeds a limit marks its tenant as one with long compilations', () => {
  const standings = tenantStandings(compileLimits);
  const endings = badEndings(compileLimits, standings);
  const end = endings.recordBadEnd('acme', 'sha256:1', { kind: 'exhausted', limit: 'time' });
  expect(standings.of('acme')).toBe('long');
  expect(endings.recall('acme', 'sha256:1')).toBe(end);
});
