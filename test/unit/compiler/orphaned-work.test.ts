import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

import { expect, test } from 'vitest';

import { eventually } from '../../support/runs/eventually.ts';
import { compileHere } from './compile-here.ts';

/** Creates a schema that takes tens of milliseconds to compile. A different `nth` gives a different schema. */
function schema(nth: number): string {
  const properties = Array.from({ length: 150 }, (_, index) => [`p${nth}-${index}`, { pattern: '^[a-z]+$' }]);
  return JSON.stringify({ properties: Object.fromEntries(properties) });
}

test('the event loop continues to run during the compilation of schemas that no document needs', async () => {
  const paths = Array.from({ length: 20 }, (_, nth) => `s${nth}.json`);
  const rules = paths.map((path) => `  - { include: ["none/*"], schema: ${path} }\n`);
  const state = { turns: 0, isOver: false };
  const count = (): void => {
    state.turns++;
    if (!state.isOver) setImmediate(count);
  };
  setImmediate(count);
  const result = await compileHere({
    'pointsman.yaml': `apiVersion: pointsman/v1\ndocuments:\n${rules.join('')}assets: [a.txt]\n`,
    'a.txt': 'a',
    ...Object.fromEntries(paths.map((path, nth) => [path, schema(nth)])),
  });
  const { turns } = state;
  state.isOver = true;
  expect(result.kind).toBe('compiled');
  expect(turns).toBeGreaterThan(0);
});

test.skipIf(process.platform !== 'linux')(
  'a process that meters its work exits soon after its parent process, long before its own time limit',
  async () => {
    const meter = new URL('../../../services/compiler/schema/work-meter.ts', import.meta.url).href;
    const working = `
      import { writeSync } from 'node:fs';
      import { workMeter } from ${JSON.stringify(meter)};
      const meter = workMeter();
      meter.within(3_600_000, () => {
        writeSync(1, String(process.pid));
        for (;;) meter.tick();
      });`;
    const script = `
      require('node:child_process').spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(working)}], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [pid] = (await once(parent.stdout, 'data')).map(Number);
    try {
      parent.kill('SIGKILL');
      await eventually(async () => !existsSync(`/proc/${pid}`), { withinMs: 20_000, what: 'the work ends' });
    } finally {
      if (pid !== undefined && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
    }
  },
);
