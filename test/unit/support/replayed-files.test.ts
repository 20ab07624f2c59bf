import { globSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { filesWithRestate } from '../../support/replayed-files.ts';

const root = join(import.meta.dirname, '../../..');

test('what is run once more with replays is every integration test in which handlers run with its settings, unless it says why not', () => {
  const files = filesWithRestate(root);
  // By the harness, and through another harness.
  for (const name of ['release', 'hooks', 'api-publish', 'remote-compile', 'sinks', 'gates'])
    expect(files).toContain(`test/integration/${name}.test.ts`);
  for (const name of [
    'celery-misbehaves',
    'stack',
    'stack-killed-publishing',
    'demo',
    'redis-stream',
    'rabbitmq-exchange',
    'outbound',
    'compile-pool',
    'webhook-endpoints',
  ])
    expect(files).not.toContain(`test/integration/${name}.test.ts`);
  expect(files.length).toBeLessThan(globSync('test/integration/*.test.ts', { cwd: root }).length);
});
