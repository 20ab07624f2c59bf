import { describe, expect, test } from 'vitest';

import { importFaults } from './import-arrows.ts';
import { readSourceFiles } from './source-files.ts';

/** Examples of forbidden imports. Each is one line of a file. */
const FORBIDDEN: [string, string][] = [
  ['core/pointer.ts', `import { run } from '../handlers/contract/tenant.ts';`],
  ['core/pointer.ts', `import type { Deps } from '../handlers/ports/deps.ts';`],
  ['core/pointer.ts', `import { readFile } from 'node:fs/promises';`],
  ['core/pointer.ts', `import { createHash } from 'node:crypto';`],
  ['core/pointer.ts', `import { Pool } from 'pg';`],
  ['core/pointer.ts', `import { Digest } from '../packages/protocol/identifiers.ts';`],
  ['core/pointer.ts', `import { apiClient } from '@pointsman/client/internal/http/client';`],
  ['packages/protocol/digest.ts', `import { createHash } from 'crypto';`],
  ['packages/protocol/digest.ts', `import { request } from 'undici';`],
  ['packages/protocol/digest.ts', `import { policy } from '../../core/policy.ts';`],
  ['packages/client/http/client.ts', `import { policy } from '../../../core/policy.ts';`],
  ['packages/client/http/client.ts', `import { Pool } from 'pg';`],
  ['packages/cli/program.ts', `import { openDatabase } from '../../services/postgres/database.ts';`],
  ['packages/dev/stack/stack.ts', `import { serve } from '../../../services/api/serve.ts';`],
  ['handlers/release.ts', `import { Pool } from 'pg';`],
  ['handlers/release.ts', `import { setTimeout } from 'node:timers/promises';`],
  ['handlers/release.ts', `import { openDatabase } from '../services/postgres/database.ts';`],
  ['handlers/release.ts', `export { openDatabase } from '../services/postgres/database.ts';`],
  ['handlers/release.ts', `type Database = import('../services/postgres/database.ts').Database;`],
  ['services/postgres/moves.ts', `import { swap } from '../../handlers/tenant/swap.ts';`],
  ['services/sinks/target.ts', `import { Failing } from '../../handlers/ports/sinks.ts';`],
  ['handlers/ports/moves.ts', `import { notifySinks } from '../tenant/notify-sinks.ts';`],
  ['services/postgres/moves.ts', `import { postgresAt } from '../../test/support/servers/servers.ts';`],
  ['services/postgres/moves.ts', `import settings from '../../../elsewhere.ts';`],
  ['services/postgres/moves.ts', `import { serve } from '../api/serve.ts';`],
  ['services/worker/worker.ts', `import { serve } from '../api/serve.ts';`],
  ['services/worker/worker.ts', `const api = await import('../api/main.ts');`],
  ['packages/cli/doctor/doctor.ts', `import { Tenant } from '../../../handlers/contract/tenant.ts';`],
  [
    'packages/cli/doctor/doctor.ts',
    `import type { Database } from '../../../services/postgres/database.ts';`,
  ],
  ['packages/cli/doctor/doctor.ts', `import { RestateAdmin } from '../../../services/restate/admin.ts';`],
  ['packages/cli/doctor/doctor.ts', `const { PortBook } = await import('../../dev/embedded/ports.ts');`],
  ['packages/cli/doctor/doctor.ts', `import { apiConfig } from '../../../services/config/config.ts';`],
  [
    'packages/cli/doctor/doctor.ts',
    `import { compileSource } from '../../../services/compiler/compile-source.ts';`,
  ],
  ['packages/cli/doctor/doctor.ts', `import { connect } from '@restatedev/restate-sdk-clients';`],
  ['packages/cli/doctor/doctor.ts', `import { Pool } from 'pg';`],
  ['services/worker/worker.ts', `new Worker(new URL('../api/thread.ts', import.meta.url));`],
];

const ALLOWED: [string, string][] = [
  ['packages/protocol/digest.ts', `import { createHash } from 'node:crypto';`],
  ['core/pointer.ts', `import { z } from 'zod'; import { Digest } from '@pointsman/protocol/identifiers';`],
  ['packages/client/http/client.ts', `import { Digest } from '@pointsman/protocol/identifiers';`],
  ['packages/cli/program.ts', `import { apiClient } from '@pointsman/client/internal/http/client';`],
  ['packages/dev/stack/stack.ts', `import { stackConfig } from '../../../services/config/config.ts';`],
  [
    'handlers/release.ts',
    `import { implement } from '@restatedev/restate-sdk'; import { undo } from './undo.ts';`,
  ],
  ['services/sinks/target.ts', `import type { Failing } from '../../handlers/ports/sinks.ts';`],
  ['services/sinks/target.ts', `import { type Failing } from '../../handlers/ports/sinks.ts';`],
  ['services/postgres/moves.ts', `import { PointerMove } from '../../handlers/ports/moves.ts';`],
  ['handlers/ports/moves.ts', `import { z } from 'zod'; import { SwapResult } from '../contract/tenant.ts';`],
  ['services/postgres/moves.ts', `import { Tenant } from '../../handlers/contract/tenant.ts';`],
  [
    'services/api/serve.ts',
    `import { postgresMoves } from '../postgres/moves.ts'; import { stop } from './stop.ts';`,
  ],
  ['services/worker/worker.ts', `import { releaseWorkflow } from '../../handlers/release/release.ts';`],
  [
    'packages/dev/stack/stack.ts',
    `spawn(fileURLToPath(new URL('../../../services/api/main.ts', import.meta.url)));`,
  ],
  ['packages/cli/program.ts', `import about from './package.json' with { type: 'json' };`],
  ['test/unit/release.test.ts', `import { releaseWorkflow } from '../../handlers/release/release.ts';`],
];

const PROCESSES = [{ path: 'services/api/main.ts', text: '' }];

describe('the check of import directions', () => {
  test.each(FORBIDDEN)('refuses in the file %s the code: %s', (path, text) => {
    expect(importFaults([...PROCESSES, { path, text }])).toMatchObject([{ path, line: 1 }]);
  });

  test.each(ALLOWED)('accepts in the file %s the code: %s', (path, text) => {
    expect(importFaults([...PROCESSES, { path, text }])).toEqual([]);
  });
});

test('every import of the project follows the import rules', async () => {
  const sources = await readSourceFiles();
  expect(sources.length).toBeGreaterThan(20);
  expect(importFaults(sources)).toEqual([]);
});
