import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

import { BIDI_CONTROLS, STEERING_CHARACTER } from '../support/data/steering-characters.ts';

const LOG = new URL('../../services/config/process-log.ts', import.meta.url).href;

test('a log line has no raw control character, and parses to the logged value', () => {
  const value = `\u009b2J \u007f \u001b[2J ${BIDI_CONTROLS.map(([, one]) => one).join('evil')}`;
  const script = `import { processLog } from ${JSON.stringify(LOG)};
    processLog('api', 'info').info({ value: ${JSON.stringify(value)} }, 'said');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stdout).not.toMatch(new RegExp(`(?!\\n)(?:${STEERING_CHARACTER.source})`, 'u'));
  expect(JSON.parse(stdout)).toMatchObject({ process: 'api', msg: 'said', value });
});
