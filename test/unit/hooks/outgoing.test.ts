import { describe, expect, test } from 'vitest';

import { archiveCall } from '../../../services/hooks/archive-call.ts';
import {
  type CommitReport,
  isCurrentStatus,
  currentStatusCall,
  statusCall,
} from '../../../services/hooks/commit-status.ts';
import type { HookTarget } from '../../../services/hooks/hook-target.ts';

const commit = 'c'.repeat(40);
const github: HookTarget = { provider: 'github', repository: 'octo/bot', apiUrl: null, token: 'ghs_1' };
const gitlab: HookTarget = {
  provider: 'gitlab',
  repository: 'group/sub/bot',
  apiUrl: null,
  token: 'glpat-1',
};
const generic: HookTarget = {
  provider: 'generic',
  repository: 'bot',
  apiUrl: 'https://ci.example/status',
  token: 't',
};

describe('the source archive of a pushed commit', () => {
  const push = { commit, sourceUrl: null };

  test('has the URL of its Git provider, and is requested with the token of that provider', () => {
    expect(archiveCall(github, push)).toEqual({
      url: `https://api.github.com/repos/octo/bot/tarball/${commit}`,
      headers: { accept: '*/*', authorization: 'Bearer ghs_1' },
    });
    expect(archiveCall(gitlab, push)).toEqual({
      url: `https://gitlab.com/api/v4/projects/group%2Fsub%2Fbot/repository/archive.tar.gz?sha=${commit}`,
      headers: { accept: '*/*', 'private-token': 'glpat-1' },
    });
  });

  test('has the URL of a self-hosted API, with or without a trailing slash', () => {
    const own = { ...github, apiUrl: 'https://git.example/api/v3/', token: null };
    expect(archiveCall(own, push)).toEqual({
      url: `https://git.example/api/v3/repos/octo/bot/tarball/${commit}`,
      headers: { accept: '*/*' },
    });
  });

  test('for a generic hook has the URL of the payload, and the request has the token only at the origin of the hook’s API', () => {
    const at = (sourceUrl: string, target = generic) => archiveCall(target, { commit, sourceUrl });
    expect(at('https://ci.example/a.tgz').headers).toEqual({ accept: '*/*', authorization: 'Bearer t' });
    expect(at('https://evil.example/a.tgz')).toEqual({
      url: 'https://evil.example/a.tgz',
      headers: { accept: '*/*' },
    });
    expect(at('http://ci.example/a.tgz').headers).toEqual({ accept: '*/*' });
    expect(at('https://ci.example:8443/a.tgz').headers).toEqual({ accept: '*/*' });
  });
});

const report: CommitReport = {
  repository: 'octo/bot',
  ref: 'refs/tags/v1',
  commit,
  delivery: 'd1',
  bundle: 'support-bot',
  channel: 'live',
  version: 12,
  outcome: 'published',
  reason: null,
  correlationId: 'acme:support-bot:v12',
  url: 'https://points.example/v1/tenants/acme/bundles/support-bot/releases/12',
};

const said = (target: HookTarget, over: Partial<CommitReport> = {}): Record<string, unknown> =>
  JSON.parse(statusCall(target, { ...report, ...over }).body) as Record<string, unknown>;

describe('the commit status of a release', () => {
  test('on GitHub has the name of the pointer and a link to the release', () => {
    expect(statusCall(github, report)).toMatchObject({
      url: `https://api.github.com/repos/octo/bot/statuses/${commit}`,
      headers: {
        authorization: 'Bearer ghs_1',
        accept: 'application/vnd.github+json',
        'content-type': 'application/json',
      },
    });
    expect(said(github)).toEqual({
      state: 'success',
      context: 'pointsman/support-bot/live',
      description: 'published as v12',
      target_url: report.url,
    });
  });

  test('on GitLab also has the Git ref of its pipeline', () => {
    expect(statusCall(gitlab, report).url).toBe(
      `https://gitlab.com/api/v4/projects/group%2Fsub%2Fbot/statuses/${commit}`,
    );
    expect(said(gitlab)).toEqual({
      state: 'success',
      name: 'pointsman/support-bot/live',
      ref: 'v1',
      description: 'published as v12',
      target_url: report.url,
    });
    expect(said(gitlab, { ref: 'refs/heads/feature/x' })).toMatchObject({ ref: 'feature/x' });
  });

  test('for a generic hook has every field, and is sent to the API of the hook', () => {
    expect(statusCall(generic, report).url).toBe('https://ci.example/status');
    expect(said(generic, { outcome: 'rejected', reason: 'why' })).toEqual({
      correlationId: 'acme:support-bot:v12',
      delivery: 'd1',
      repository: 'octo/bot',
      ref: 'refs/tags/v1',
      commit,
      version: 12,
      state: 'failure',
      outcome: 'rejected',
      reason: 'why',
      url: report.url,
    });
  });

  test.each([
    [null, null, ['pending', 'pending', 'pending'], 'in progress'],
    ['published', null, ['success', 'success', 'success'], 'published as v12'],
    ['rejected', 'a: no', ['failure', 'failed', 'failure'], 'rejected: a: no'],
    ['errored', 'x', ['error', 'failed', 'error'], 'errored: x'],
    [
      'superseded',
      'superseded by v13',
      ['failure', 'canceled', 'cancelled'],
      'superseded: superseded by v13',
    ],
    ['cancelled', 'cancelled by ann', ['failure', 'canceled', 'cancelled'], 'cancelled: cancelled by ann'],
  ] as const)(
    'for the outcome %s (%s) on GitHub, on GitLab and elsewhere is %j',
    (outcome, reason, states, words) => {
      const over = { outcome, reason };
      const statuses = [github, gitlab, generic].map((target) => said(target, over));
      expect(statuses.map(({ state }) => state)).toEqual(states);
      expect(statuses.slice(0, 2).map(({ description }) => description)).toEqual([words, words]);
    },
  );

  test('has a long reason cut to the limit of each provider, and only between characters', () => {
    const over = { outcome: 'rejected', reason: '🚂'.repeat(400) } as const;
    const lengths = [github, gitlab].map(
      (target) => Array.from(String(said(target, over)['description'])).length,
    );
    expect(lengths).toEqual([140, 255]);
    expect(String(said(github, over)['description']).isWellFormed()).toBe(true);
  });
});

describe('a commit status that GitLab refuses', () => {
  test('is looked up after a 400 response, because 400 can also mean that the status is already set', () => {
    const name = encodeURIComponent('pointsman/support-bot/live');
    expect(currentStatusCall(gitlab, report, 400)).toMatchObject({
      url: `https://gitlab.com/api/v4/projects/group%2Fsub%2Fbot/repository/commits/${commit}/statuses?name=${name}&per_page=100`,
      headers: { 'private-token': 'glpat-1' },
    });
    expect(currentStatusCall(gitlab, report, 404)).toBeNull();
    expect(currentStatusCall(github, report, 400)).toBeNull();
  });

  test('counts as set only when GitLab lists a status with the same name and state', () => {
    const list = (...statuses: [string, string][]) =>
      Buffer.from(JSON.stringify(statuses.map(([name, status]) => ({ name, status }))));
    const name = 'pointsman/support-bot/live';
    expect(isCurrentStatus(list(['other', 'failed'], [name, 'success']), report)).toBe(true);
    expect(isCurrentStatus(list([name, 'pending'], ['other', 'success']), report)).toBe(false);
    expect(isCurrentStatus(list(), report)).toBe(false);
    expect(isCurrentStatus(Buffer.from('<html>'), report)).toBe(false);
  });
});
