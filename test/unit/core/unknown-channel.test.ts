import { expect, test } from 'vitest';

import { channelLimits } from '../../../core/limits/limits.ts';
import { similarName } from '../../../core/moves/similar-name.ts';
import { unknownChannel } from '../../../core/moves/unknown-channel.ts';

test.each([
  ['lvie', ['live', 'staging'], 'live'],
  ['stagin', ['live', 'staging'], 'staging'],
  ['stagging', ['live', 'staging'], 'staging'],
  ['prod', ['live', 'staging'], null],
  ['eu', ['us', 'qa'], null],
  ['constructor', ['live'], null],
  ['canary-eu', ['canary-us', 'canary-ew'], 'canary-ew'],
  ['live', [], null],
])('"%s" among %j is probably %j', (given, known, meant) => {
  expect(similarName(given, known)).toBe(meant);
});

test('the refusal of a channel names those that exist, and the one that was probably meant', () => {
  expect(unknownChannel({ bundle: 'bot', channel: 'lvie' }, ['live', 'staging'])).toBe(
    '"bot" has no channel "lvie". It has: live, staging. Did you mean "live"?',
  );
});

test('the refusal of a channel stays a sentence when the bundle has many', () => {
  const channels = Array.from({ length: channelLimits.namedInText + 5 }, (_none, n) => `channel-${n}`);
  expect(unknownChannel({ bundle: 'bot', channel: 'live' }, channels)).toMatch(/channel-19, and 5 more\.$/);
});
