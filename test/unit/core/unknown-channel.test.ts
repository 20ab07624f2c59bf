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
])('the channel name most similar to "%s" among %j is %j', (given, known, meant) => {
  expect(similarName(given, known)).toBe(meant);
});

test('the refusal of an unknown channel names the existing channels and the most similar channel', () => {
  expect(unknownChannel({ bundle: 'bot', channel: 'lvie' }, ['live', 'staging'])).toBe(
    '"bot" has no channel "lvie". It has: live, staging. Did you mean "live"?',
  );
});

test('the refusal of an unknown channel is short when the bundle has many channels', () => {
  const channels = Array.from({ length: channelLimits.namedInText + 5 }, (_none, n) => `channel-${n}`);
  expect(unknownChannel({ bundle: 'bot', channel: 'live' }, channels)).toMatch(/channel-19, and 5 more\.$/);
});
