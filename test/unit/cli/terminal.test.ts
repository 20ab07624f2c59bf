import { expect, test } from 'vitest';

import { table } from '../../../packages/cli/output/table.ts';
import { terminal, type Terminal } from '../../../packages/cli/output/terminal.ts';
import { STEERING_CHARACTER } from '../../support/data/steering-characters.ts';

const EVERY_STEERING = Array.from({ length: 0x2070 }, (_, point) => String.fromCharCode(point))
  .filter((one) => STEERING_CHARACTER.test(one) && !'\t\n'.includes(one))
  .join('');
const HOSTILE = `a${EVERY_STEERING}b\u001b[31mc\u001b[0m\r\u001b[2Kd\u009b2Je\u001b]0;title\u0007`;
/** Control characters that must not be in the output. Tabs and line feeds are allowed. */
const STEERING = new RegExp(`(?![\\t\\n])(?:${STEERING_CHARACTER.source})`, 'u');

function opened(env: Readonly<Record<string, string>>): { terminal: Terminal; written: () => string } {
  const chunks: string[] = [];
  const stream = { isTTY: true, write: (text: string | Uint8Array) => chunks.push(String(text)) };
  return {
    terminal: terminal({ stdout: stream, stderr: stream, env, json: false }),
    written: () => chunks.join(''),
  };
}

test.each(['out', 'err', 'document'] as const)(
  'the terminal method %s never writes a control character of an untrusted text',
  (where) => {
    const { terminal: screen, written } = opened({ FORCE_COLOR: '1' });
    screen[where](HOSTILE);
    expect(written()).not.toMatch(STEERING);
    expect(written()).toContain('\\u009b2J');
  },
);

test('an untrusted text in color has no control characters of its own, and its color begins and ends around it', () => {
  const { terminal: screen, written } = opened({ FORCE_COLOR: '1' });
  screen.out(`${screen.paint(['bold', 'red'], HOSTILE)} and ${screen.replaceLine('more')}`);
  const [begin = '', ...rest] = written().split('a\\u0000');
  expect(begin).toBe('\u001b[1m\u001b[31m');
  const end = '\u001b[39m\u001b[22m and \r\u001b[2Kmore';
  expect(rest.join('').endsWith(end)).toBe(true);
  expect(rest.join('').slice(0, -end.length)).not.toMatch(STEERING);
});

test('colors take up no columns in a table, and a forged color is as wide as its visible form', () => {
  const { terminal: screen, written } = opened({ FORCE_COLOR: '1' });
  screen.out(
    table([
      [screen.paint('red', 'ab'), '|'],
      ['abcd', '|'],
    ]),
  );
  expect(written()).toBe('\u001b[31mab\u001b[39m    |\nabcd  |\n');
});

test('only the text itself is written when colors are turned off', () => {
  const { terminal: screen, written } = opened({ NO_COLOR: '1' });
  screen.out(screen.paint('red', 'plain'));
  expect(written()).toBe('plain');
});
