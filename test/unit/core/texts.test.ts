import { describe, expect, test } from 'vitest';

import { type GateFacts, gateText } from '../../../core/texts/gate-texts.ts';
import { hookLostText, overtakenText, reportDroppedText } from '../../../core/texts/hook-texts.ts';
import {
  cancelledText,
  effectText,
  type Revoked,
  revokedText,
  unstorableText,
} from '../../../core/texts/release-texts.ts';
import { waitsForSinksText } from '../../../core/texts/sink-texts.ts';

const gate: GateFacts = {
  gate: 'release',
  kind: 'approval',
  state: 'open',
  count: 2,
  approvals: 1,
  role: 'approver',
  notAuthor: false,
  author: 'ann',
  requested: null,
  timezone: null,
  notBefore: null,
  deadlineAt: '2026-01-02T03:04:05.678Z',
  failedBy: null,
};
const check: GateFacts = { ...gate, gate: 'e2e', kind: 'check', count: null, approvals: null, role: null };

describe('the text of a gate', () => {
  test.each<[string, GateFacts, string]>([
    ['an approval', gate, 'waits for 1 of 2 approvals by a token with the role approver'],
    [
      'an approval that is not the author’s',
      { ...gate, count: 1, approvals: 0, notAuthor: true },
      'waits for 1 of 1 approval by a token with the role approver (not ann, who published it)',
    ],
    ['a check that a token reports', check, 'waits for the check "e2e" to be reported'],
    [
      'a check that is not requested yet',
      { ...check, requested: false },
      'waits for the check "e2e", which is being requested',
    ],
    [
      'a check that was requested',
      { ...check, requested: true },
      'waits for the check "e2e", which was requested',
    ],
    [
      'a schedule',
      { ...gate, kind: 'schedule', notBefore: '2026-02-01T00:00:00.000Z' },
      'waits until 2026-02-01T00:00:00.000Z, as its author asked',
    ],
    [
      'a window',
      { ...gate, kind: 'window', timezone: 'Europe/Oslo' },
      'waits for the end of a freeze (Europe/Oslo)',
    ],
    [
      'a rejected approval',
      { ...gate, state: 'failed', failedBy: { by: 'bob', comment: 'too risky' } },
      'rejected by bob at the gate "release": too risky',
    ],
    [
      'a failed check',
      { ...check, state: 'failed', failedBy: { by: 'ci', comment: null } },
      'the check "e2e" failed, reported by ci',
    ],
    [
      'a gate past its deadline',
      { ...gate, state: 'expired' },
      'the gate "release" was not decided before its deadline, 2026-01-02T03:04:05.678Z',
    ],
    ['a gate that passed', { ...gate, state: 'passed' }, 'passed'],
  ])(
    'that is %s states the condition that the release waits for, or the reason why it failed',
    (_what, facts, text) => {
      expect(gateText(facts)).toBe(text);
    },
  );
});

test('the text about sinks that keep a pointer from moving names each sink with the cause', () => {
  const text = waitsForSinksText([
    { cause: 'missing', sink: 'audit' },
    { cause: 'paused', sink: 'mail', pause: { by: 'ann', reason: 'moving house' } },
    { cause: 'failing', sink: 'redis', since: '2026-01-02T03:04:05.678Z', lastError: 'away' },
    { cause: 'stale_health', sink: 'rabbitmq' },
  ]);
  expect(text).toBe(
    'waits for the sink "audit": there is no webhook of that name; the sink "mail": it is paused by ann: moving house; ' +
      'the sink "redis": it has failed since 2026-01-02T03:04:05.678Z: away; the sink "rabbitmq": it has not passed a health check recently',
  );
});

describe('the text of a revoked callback', () => {
  const revoked: Revoked = { cause: 'given_up', reason: null, deadlineAt: '2026-01-02T03:04:05.678Z' };
  test.each<[Revoked['cause'], Partial<Revoked>, string]>([
    ['given_up', { reason: 'answered 403' }, 'answered 403'],
    ['not_requested', {}, 'the compiler was not called before its deadline'],
    ['no_response', {}, 'the compiler did not respond before 2026-01-02T03:04:05.678Z'],
    ['release_closed', {}, 'its release has been closed'],
    ['release_published', {}, 'its release has been published'],
    ['release_ended', {}, 'its release has ended'],
    ['release_ended', { reason: 'cancelled by ann' }, 'cancelled by ann'],
    ['gate_decided', { gate: 'e2e' }, 'the check "e2e" is decided already'],
  ])('states the cause "%s" as %j', (cause, more, text) => {
    expect(revokedText({ ...revoked, cause, ...more })).toBe(text);
  });
});

test('the texts about a cancelled release, a lost hook and a dropped report state the cause', () => {
  expect(cancelledText('ann', null)).toBe('cancelled by ann');
  expect(cancelledText('ann', 'typo')).toBe('cancelled by ann: typo');
  expect(unstorableText('blob_missing', 'live')).toBe(
    'the artifact cannot be stored: a blob that it names is not stored',
  );
  expect(hookLostText('other_repository')).toBe('the hook is for another repository now');
  expect(reportDroppedText('later_delivery')).toBe('a later delivery of this commit is reported instead');
  expect(overtakenText(3)).toBe('a later push has come before it, as v3');
});

describe('the text of a recorded effect', () => {
  const origin = { repository: 'acme/bot', commit: 'abc' };
  test.each<[Parameters<typeof effectText>[0], string | null]>([
    [{ effect: 'pointer-move', detail: '7', origin: null }, 'generation 7'],
    [{ effect: 'announcement', detail: '9', origin: null }, 'seq 9'],
    [{ effect: 'commit-status', detail: null, origin }, 'acme/bot@abc'],
    [{ effect: 'commit-status', detail: 'posted "success"', origin }, 'acme/bot@abc: posted "success"'],
    [{ effect: 'artifact-claim', detail: 'sha256:1', origin }, 'sha256:1'],
  ])('is made from its fields: %j', (line, text) => {
    expect(effectText(line)).toBe(text);
  });
});
