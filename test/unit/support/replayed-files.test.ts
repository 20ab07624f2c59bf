import { globSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { filesWithRestate } from '../../support/runs/replayed-files.ts';

const root = join(import.meta.dirname, '../../..');

test('the replay test run includes every integration test whose handlers use the settings of that run, unless the file states a reason', () => {
  const files = filesWithRestate(root);
  // These files start Restate in different ways: directly, or through support code that they import.
  for (const name of [
    'releases/release',
    'hooks/hooks',
    'releases/api-publish',
    'sinks/sinks',
    'gates/gates',
    'releases/remote-compile',
  ])
    expect(files).toContain(`test/integration/${name}.test.ts`);
  for (const name of [
    'releases/celery-misbehaves',
    'stack/stack',
    'stack/stack-killed-publishing',
    'stack/demo',
    'redis/redis-stream',
    'rabbitmq/rabbitmq-exchange',
    'outbound/outbound',
    'releases/compile-pool',
    'sinks/webhook-endpoints',
  ])
    expect(files).not.toContain(`test/integration/${name}.test.ts`);
  expect(files.length).toBeLessThan(globSync('test/integration/**/*.test.ts', { cwd: root }).length);
});
