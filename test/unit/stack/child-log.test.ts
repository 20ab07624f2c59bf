import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { captureOutput } from '../../../packages/dev/stack/child-log.ts';
import { eventually } from '../../support/runs/eventually.ts';

let folder = '';
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'pointsman-log-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function kept(name: string, line: string): Promise<{ shown: string[]; log: string }> {
  const output = new PassThrough();
  const shown: string[] = [];
  const file = join(folder, name);
  captureOutput(output, file, (text) => void shown.push(text), false);
  const ended = finished(output);
  output.end(`${line}\n`);
  await ended;
  return { shown, log: await readFile(file, 'utf8') };
}

test('an error of a child process is printed without its stack trace, which only the log contains', async () => {
  const err = { type: 'Error', message: 'it broke', stack: 'Error: it broke\n    at here (file.ts:1:2)' };
  const cause = { ...err, aggregateErrors: [err] };
  const { shown, log } = await kept('stack', JSON.stringify({ level: 50, msg: 'failed', err: cause }));
  expect(shown).toHaveLength(1);
  expect(shown[0]).toContain('error: failed');
  expect(shown[0]).toContain('it broke');
  expect(shown[0]).not.toContain('file.ts');
  expect(log).toContain('file.ts');
});

test('a very long line of a child process is printed in part, and the log contains the whole line', async () => {
  const long = 'k'.repeat(1_000_000);
  const { shown, log } = await kept('long', JSON.stringify({ level: 40, msg: long, err: { message: long } }));
  expect(shown[0]?.length).toBeLessThan(10_000);
  expect(shown[0]).toContain('warning: kkk');
  expect(log.length).toBeGreaterThan(2_000_000);
});

test('a log file that cannot be written is reported once, and important lines are still printed', async () => {
  const output = new PassThrough();
  const shown: string[] = [];
  const gone = join(folder, 'gone');
  captureOutput(output, join(gone, 'worker.log'), (text) => void shown.push(text), true);
  const said = async (line: string): Promise<string[]> => {
    output.write(`${line}\n`);
    await eventually(async () => shown.includes(line), { what: line });
    return shown.splice(0);
  };
  const lost = expect.stringMatching(/^warning: its log cannot be written: ENOENT/) as string;
  expect(await said('one')).toEqual([lost, 'one']);
  expect(await said('two')).toEqual(['two']);
  await mkdir(gone);
  expect(await said('three')).toEqual(['three']);
  expect(await readFile(join(gone, 'worker.log'), 'utf8')).toBe('three\n');
  await rm(gone, { recursive: true });
  expect(await said('four')).toEqual([lost, 'four']);
});

test('control characters of a child process are printed and logged in a visible form', async () => {
  const line = JSON.stringify({ level: 50, msg: 'bad \u009b2J', name: '\u202e\u200fevil' });
  const { shown, log } = await kept('escapes', line);
  expect(shown).toEqual(['error: bad \\u009b2J {"name":"\\u202e\\u200fevil"}']);
  expect(JSON.parse(log)).toEqual(JSON.parse(line));
  expect(log + shown.join('')).not.toMatch(/[\u0080-\u009f\u202e\u200f]/);
});
