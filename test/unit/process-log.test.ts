import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const LOG = new URL('../../services/config/process-log.ts', import.meta.url).href;

test('a log line has no raw control character, and means what was logged', () => {
  const value = '\u009b2J \u007f \u202eevil \u001b[2J';
  const script = `import { processLog } from ${JSON.stringify(LOG)};
    processLog('api', 'info').info({ value: ${JSON.stringify(value)} }, 'said');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stdout).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u);
  expect(JSON.parse(stdout)).toMatchObject({ process: 'api', msg: 'said', value });
});
