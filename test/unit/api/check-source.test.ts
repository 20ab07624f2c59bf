import { expect, test } from 'vitest';

import { sourceTree } from '../../../packages/protocol/releases/source.ts';
import { checkSource } from '../../../services/api/releases/validate-source.ts';
import type { ApiDeps } from '../../../services/api/dependencies.ts';
import type { Compiler } from '../../../services/compiler/compiler.ts';

test('when the compiler fails on a source, the API refuses that source with a reference to the log entry instead of an internal error', async () => {
  const compiler: Compiler = {
    compile: async () => ({ kind: 'uncompilable', reference: 'r-1', message: 'not compiled; reference r-1' }),
    isFullFor: () => false,
    waiting: 0,
    documents: { memory: 0, database: 0, compiled: 0 },
    close: async () => undefined,
  };
  const source = {
    kind: 'source' as const,
    tree: sourceTree([]),
    arena: new Uint8Array(),
    digests: [],
    ends: [],
  };
  await expect(checkSource({ compiler } as ApiDeps, 'acme', source, 'local')).rejects.toMatchObject({
    code: 'invalid_source',
    message: 'not compiled; reference r-1',
    details: { reference: 'r-1' },
  });
});
