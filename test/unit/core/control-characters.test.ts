import { expect, test } from 'vitest';

import { visibleControls } from '../../../packages/protocol/text/control-characters.ts';
import { BIDI_CONTROLS, STEERING_CHARACTER } from '../../support/data/steering-characters.ts';

/** All Unicode code points except the surrogates, which are not characters by themselves. */
function* everyCharacter(): Generator<string> {
  for (let point = 0; point <= 0x10_ffff; point++) {
    if (point < 0xd800 || point > 0xdfff) yield String.fromCodePoint(point);
  }
}

const STEERS = STEERING_CHARACTER;

test('exactly the control characters of a text are made visible, except tabs and line ends', () => {
  const changed = [...everyCharacter()].filter((one) => visibleControls(one) !== one);
  const steering = [...everyCharacter()].filter((one) => STEERS.test(one) && !'\t\n'.includes(one));
  expect(changed).toEqual(steering);
  expect(changed.map(visibleControls).join('')).toMatch(/^(?:\\u[0-9a-f]{4})+$/);
});

test('a JSON text keeps its meaning when its control characters are made visible', () => {
  const value = [...everyCharacter()].filter((one) => STEERS.test(one)).join('x');
  const json = visibleControls(JSON.stringify(value));
  expect(json).not.toMatch(STEERS);
  expect(JSON.parse(json)).toBe(value);
});

test('a carriage return is kept only in front of a line feed', () => {
  expect(visibleControls('a\r\nb\rc')).toBe('a\r\nb\\u000dc');
});

test.each(BIDI_CONTROLS)('the bidirectional control character %s is made visible', (name, character) => {
  const code = character.codePointAt(0)?.toString(16).padStart(4, '0');
  expect([name, visibleControls(`a${character}b`)]).toEqual([name, `a\\u${code}b`]);
});
