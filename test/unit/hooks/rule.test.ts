import { describe, expect, test } from 'vitest';

import type { HookProvider } from '../../../packages/protocol/hook.ts';
import type { Push } from '../../../services/hooks/push.ts';
import { isRepository, RefPattern, SourceFolder } from '../../../packages/protocol/hooks/hook-body.ts';
import { applyRule, type Rule } from '../../../services/hooks/rule.ts';

const rule: Rule = { provider: 'github', repository: 'octo/bot', ref: 'refs/heads/main', path: null };
const push: Push = {
  repository: 'octo/bot',
  ref: 'refs/heads/main',
  commit: 'a'.repeat(40),
  subject: null,
  paths: null,
  pushedAt: null,
  sourceUrl: null,
};

const says = (ruleOver: Partial<Rule>, pushOver: Partial<Push> = {}) =>
  applyRule({ ...rule, ...ruleOver }, { kind: 'push', push: { ...push, ...pushOver } }).kind;

test('a hook publishes a push to its repository and ref, and ignores a ping, another event, another ref and a deleted ref', () => {
  expect(says({})).toBe('push');
  expect(applyRule(rule, { kind: 'ping' }).kind).toBe('ignored');
  expect(applyRule(rule, { kind: 'other', event: 'issues' })).toEqual({
    kind: 'ignored',
    why: 'the event "issues" does not publish anything',
  });
  expect(says({}, { ref: 'refs/heads/main2' })).toBe('ignored');
  expect(says({}, { commit: null })).toBe('ignored');
});

test('a hook refuses a push to another repository, even when the ref does not match either', () => {
  expect(says({}, { repository: 'octo/other', ref: 'refs/heads/x' })).toBe('unknown_repository');
});

test('repository names are case-insensitive for GitHub and GitLab, and case-sensitive for a generic hook', () => {
  expect(says({}, { repository: 'Octo/Bot' })).toBe('push');
  expect(says({ provider: 'gitlab' }, { repository: 'Octo/Bot' })).toBe('push');
  expect(says({ provider: 'generic' }, { repository: 'Octo/Bot' })).toBe('unknown_repository');
});

test.each([
  ['refs/tags/v*', 'refs/tags/v1', 'push'],
  ['refs/tags/v*', 'refs/tags/v', 'push'],
  ['refs/tags/v*', 'refs/tags/1', 'ignored'],
  ['refs/tags/v*', 'refs/heads/v1', 'ignored'],
  ['refs/heads/*', 'refs/heads/a/b', 'push'],
  ['refs/heads/a', 'refs/heads/a*', 'ignored'],
])('a hook for the ref %s handles a push to %s as "%s"', (ref, pushed, kind) => {
  expect(says({ ref }, { ref: pushed })).toBe(kind);
});

test.each([
  [['config/a.yaml'], 'push'],
  [['config'], 'push'],
  [['configs/a.yaml', 'README.md'], 'ignored'],
  [[], 'ignored'],
  [null, 'push'],
] as const)('a hook for a folder handles a push that changes %j as "%s"', (paths, kind) => {
  expect(says({ path: 'config' }, { paths })).toBe(kind);
});

test('a hook for the whole repository applies to every push', () => {
  expect(says({}, { paths: [] })).toBe('push');
});

describe('the settings of a hook', () => {
  test.each(['refs/heads/main', 'refs/tags/v*', 'refs/heads/*', 'refs/heads/feature/a-b.c'])(
    'accept the ref %s',
    (ref) => {
      expect(RefPattern.safeParse(ref).success).toBe(true);
    },
  );

  test.each([
    'main',
    '*',
    'refs/',
    'refs/heads/*/x',
    'refs/heads/a b',
    'refs/heads/a*b',
    'refs/heads/a**',
    '',
  ])('refuse the ref "%s"', (ref) => {
    expect(RefPattern.safeParse(ref).success).toBe(false);
  });

  test.each(['/config', '../config', 'a/../b', 'a//b', 'a/', '', 'a\\b'])(
    'refuse the folder "%s"',
    (path) => {
      expect(SourceFolder.safeParse(path).success).toBe(false);
    },
  );

  test.each([
    ['github', 'octo/bot', true],
    ['github', 'octo/bot/x', false],
    ['github', 'octo', false],
    ['github', '../admin', false],
    ['github', 'octo/..', false],
    ['github', 'octo/bot?x=1', false],
    ['gitlab', 'group/sub/bot', true],
    ['gitlab', 'group', false],
    ['gitlab', 'group/../bot', false],
    ['generic', 'svn:bot', true],
    ['generic', 'a b', false],
  ] as [HookProvider, string, boolean][])(
    'with the provider %s accept the repository "%s": %s',
    (provider, repository, may) => {
      expect(isRepository(provider, repository)).toBe(may);
    },
  );
});
