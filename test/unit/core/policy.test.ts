import { describe, expect, test } from 'vitest';

import { requestLimits } from '../../../packages/protocol/limits.ts';
import { gateLimits } from '../../../core/limits/limits.ts';
import { NO_POLICY, Policy } from '../../../core/policy.ts';

const live = (channel: object) => ({ channels: { live: channel } });
const gated = (...gates: unknown[]) => live({ gates });
const approval = (more: object = {}) => ({ approval: { name: 'release', ...more } });
const window = (freeze: string[], more: object = {}) => ({
  window: { timezone: 'Europe/Oslo', freeze, ...more },
});

/** Returns each problem of the policy: its location and its message. */
function problems(document: unknown): string[] {
  return (Policy.safeParse(document).error?.issues ?? []).map(
    ({ path, message }) => `/${path.join('/')} ${message}`,
  );
}

describe('a policy', () => {
  test('without rules equals the policy of a tenant that has set no policy', () => {
    expect(Policy.parse({})).toEqual(NO_POLICY);
    expect(Policy.parse(NO_POLICY)).toEqual(NO_POLICY);
  });

  test('gets default values when it is parsed, and does not change when it is parsed again', () => {
    const parsed = Policy.parse(
      gated(approval(), { check: { name: 'e2e' } }, window(['Fri 16:00 - Mon 07:00'])),
    );
    expect(parsed).toEqual({
      channels: {
        live: {
          gates: [
            { approval: { name: 'release', role: 'approver', count: 1, notAuthor: false, within: '24h' } },
            { check: { name: 'e2e', within: '1h' } },
            { window: { name: 'window', timezone: 'Europe/Oslo', freeze: ['Fri 16:00 - Mon 07:00'] } },
          ],
        },
      },
      compile: { executor: 'local' },
    });
    expect(Policy.parse(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);
  });

  test('keeps the spelling of its durations', () => {
    const { channels } = Policy.parse(gated(approval({ within: '1440m' })));
    expect(channels['live']?.gates[0]).toMatchObject({ approval: { within: '1440m' } });
  });
});

describe('a policy is refused, with the location of the mistake, for', () => {
  test.each<[string, unknown, string]>([
    ['a number that is too large', gated(approval({ count: 11 })), '/channels/live/gates/0/approval/count'],
    [
      'a role that cannot approve',
      gated(approval({ role: 'viewer' })),
      '/channels/live/gates/0/approval/role',
    ],
    ['a name that is missing', gated({ approval: {} }), '/channels/live/gates/0/approval/name'],
    ['a name that can’t be part of a URL', gated(approval({ name: 'A b' })), 'characters of a-z, 0-9'],
    ['the name of a release’s own schedule', gated(approval({ name: 'schedule' })), 'notBefore'],
    ['a wait that is too long', gated(approval({ within: '32d' })), 'must be from 1s to 31d'],
    ['an invalid URL', gated({ check: { name: 'e2e', url: 'ftp://ci' } }), '/gates/0/check/url'],
    [
      'an unknown time zone',
      gated(window(['Fri 16:00 - Mon 07:00'], { timezone: 'Oslo' })),
      '/window/timezone',
    ],
    ['an invalid freeze', gated(window(['Fri 16:00 - Mon 07:00', 'never'])), '/window/freeze/1 must be'],
    ['an empty list of freezes', gated(window([])), '/gates/0/window/freeze'],
    ['a gate without a kind', gated({}), '/channels/live/gates/0 must have exactly one of'],
    [
      'a gate of two kinds',
      gated({ ...approval(), check: { name: 'e2e' } }),
      '/gates/0 must have exactly one of',
    ],
    ['a misspelt gate', gated({ aproval: { name: 'x' } }), 'Unrecognized key: "aproval"'],
    ['an unknown conflict rule', live({ onConflict: 'ignore' }), '/channels/live/onConflict'],
    ['an unknown executor', { compile: { executor: 'make' } }, '/compile/executor'],
    ['a field of a later version', live({ verify: {} }), '/channels/live Unrecognized key: "verify"'],
    ['a field of a later version', live({ rollout: {} }), '/channels/live Unrecognized key: "rollout"'],
  ])('%s', (_what, document, expected) => {
    expect(problems(document)[0]).toContain(expected);
  });

  test('an invalid channel name', () => {
    const issue = Policy.safeParse({ channels: { 'Not A Name': {} } }).error?.issues[0];
    expect(issue).toMatchObject({
      path: ['channels', 'Not A Name'],
      issues: [{ message: expect.stringContaining("a channel's name is") as string }],
    });
  });

  test('several mistakes together', () => {
    expect(problems({ ...gated(approval({ count: 0 }), { check: {} }), compile: 1, extra: 1 })).toHaveLength(
      4,
    );
  });
});

describe('the check of a whole policy', () => {
  test('refuses two gates with the same name, even when one of them has a default name', () => {
    expect(problems(gated(approval(), { check: { name: 'release' } }))).toEqual([
      '/channels/live/gates/1/check/name another gate of this channel has the name "release"',
    ]);
    const open = ['Fri 16:00 - Mon 07:00'];
    expect(problems(gated(window(open), window(open)))).toEqual([
      '/channels/live/gates/1/window/name another gate of this channel has the name "window"',
    ]);
    expect(problems(gated(window(open), window(open, { name: 'second' })))).toEqual([]);
  });

  test('accepts the same gate name on two channels', () => {
    expect(
      problems({ channels: { live: { gates: [approval()] }, canary: { gates: [approval()] } } }),
    ).toEqual([]);
  });

  test('refuses freezes that cover the whole week', () => {
    expect(problems(gated(approval(), window(['Mon 00:00 - Thu 12:00', 'Thu 12:00 - Mon 00:00'])))).toEqual([
      '/channels/live/gates/1/window/freeze this freezes the whole week: no release could ever be published',
    ]);
  });

  test('refuses windows of one channel that together cover the whole week', () => {
    const halves = [
      window(['Mon 00:00 - Thu 12:00'], { name: 'early' }),
      window(['Thu 11:00 - Mon 02:00'], { name: 'late', timezone: 'Europe/London' }),
    ];
    expect(problems(gated(...halves))).toEqual([
      '/channels/live/gates/1/window/freeze all windows together freeze the whole week: no release could ever be published',
    ]);
    expect(problems({ channels: { live: { gates: [halves[0]] }, canary: { gates: [halves[1]] } } })).toEqual(
      [],
    );
  });

  test('refuses too many gates of a channel, and too many channels of a bundle', () => {
    const many = Array.from({ length: gateLimits.gates + 1 }, (_, n) => approval({ name: `g${n}` }));
    expect(problems(gated(...many))).toHaveLength(1);
    expect(problems(gated(...many.slice(1)))).toEqual([]);
    const channels = Array.from(
      { length: requestLimits.channelsPerBundle + 1 },
      (_, n) => [`c${n}`, {}] as const,
    );
    expect(problems({ channels: Object.fromEntries(channels) })).toEqual(['/channels at most 100 channels']);
  });
});
