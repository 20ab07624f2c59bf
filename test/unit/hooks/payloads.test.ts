import published from '@octokit/webhooks-examples' with { type: 'json' };
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import type { Delivered, Push } from '../../../services/hooks/push.ts';
import { deliveryIdOf, readDelivery } from '../../../services/hooks/read-delivery.ts';
import { applyRule } from '../../../services/hooks/rule.ts';

/**
 * The payloads that GitHub documents. They are parsed, because the type declarations of the package do not match its
 * content.
 */
const examples = z.array(z.object({ name: z.string(), examples: z.array(z.unknown()) })).parse(published);

const ZERO = '0'.repeat(40);
const A = 'a'.repeat(40);
const B = 'b'.repeat(40);

function pushOf(delivered: Delivered): Push {
  if (delivered.kind !== 'push') throw new Error(`no push: ${JSON.stringify(delivered)}`);
  return delivered.push;
}

const github = (event: string, payload: unknown) => readDelivery('github', event, payload);
const gitlab = (event: string, payload: unknown) => readDelivery('gitlab', event, payload);
const generic = (payload: unknown) => readDelivery('generic', 'push', payload);

describe('for the payloads of GitHub,', () => {
  const all = examples.flatMap(({ name, examples: payloads }) =>
    payloads.map((payload: unknown, index): [string, string, unknown] => [`${name} ${index}`, name, payload]),
  );

  test('the package of examples has more than 300 payloads to try', () => {
    expect(all.length).toBeGreaterThan(300);
  });

  test.each(all)('the example %s is understood or ignored', (_title, name, payload) => {
    const delivered = github(name, payload);
    const kinds: Record<string, Delivered['kind']> = { push: 'push', ping: 'ping' };
    expect(delivered.kind).toBe(kinds[name] ?? 'other');
    const rule = {
      provider: 'github',
      repository: 'Codertocat/Hello-World',
      ref: 'refs/*',
      path: null,
    } as const;
    if (delivered.kind !== 'unreadable')
      expect(applyRule(rule, delivered).kind).toMatch(/^(?:push|ignored|unknown_repository)$/);
  });

  test.each(all.filter(([, name]) => name !== 'push'))(
    'the example %s is refused when it is delivered as a push',
    (_title, _name, payload) => {
      expect(github('push', payload).kind).toBe('unreadable');
    },
  );

  test('the example of a new tag is a push of its commit with unknown changed paths', () => {
    const [payload] = examples.find(({ name }) => name === 'push')?.examples ?? [];
    expect(pushOf(github('push', payload))).toEqual({
      repository: 'Codertocat/Hello-World',
      ref: 'refs/tags/simple-tag',
      commit: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
      subject: 'Adding a .gitignore file',
      paths: null,
      pushedAt: 1_557_933_657,
      sourceUrl: null,
    });
  });

  const push = (over: object) => ({
    ref: 'refs/heads/main',
    before: A,
    after: B,
    repository: { full_name: 'octo/bot' },
    head_commit: { id: B, message: 'Subject\n\nBody' },
    commits: [{ added: ['a'], removed: ['b'], modified: ['c/d'] }, { modified: ['e'] }],
    ...over,
  });

  test('a push has the changed paths of all its commits', () => {
    expect(pushOf(github('push', push({})))).toMatchObject({
      commit: B,
      subject: 'Subject',
      paths: ['a', 'b', 'c/d', 'e'],
    });
  });

  test.each([
    ['that is forced', { forced: true }],
    ['of a new ref', { created: true }],
    ['with no commits listed', { commits: [] }],
    [
      'with the largest number of listed commits',
      { commits: Array.from({ length: 2_048 }, () => ({ added: ['a'] })) },
    ],
  ])('a push %s has unknown changed paths', (_what, over) => {
    expect(pushOf(github('push', push(over))).paths).toBeNull();
  });

  test('a push of an annotated tag has the commit of the tag', () => {
    expect(pushOf(github('push', push({ after: A }))).commit).toBe(B);
  });

  test('a push of a deleted ref has no commit', () => {
    expect(pushOf(github('push', push({ deleted: true, after: ZERO, head_commit: null }))).commit).toBeNull();
    expect(pushOf(github('push', push({ after: ZERO, head_commit: null }))).commit).toBeNull();
  });
});

describe('for the payloads of GitLab,', () => {
  const commit = (id: string, over: object = {}) => ({
    id,
    message: 'Subject\n',
    added: ['a'],
    modified: [],
    removed: [],
    ...over,
  });
  const push = (over: object = {}) => ({
    object_kind: 'push',
    event_name: 'push',
    before: A,
    after: B,
    ref: 'refs/heads/main',
    checkout_sha: B,
    project_id: 15,
    project: {
      id: 15,
      path_with_namespace: 'group/sub/bot',
      web_url: 'https://gitlab.example/group/sub/bot',
    },
    commits: [commit(A), commit(B, { message: 'Newest', modified: ['b'], removed: ['c'] })],
    total_commits_count: 2,
    ...over,
  });

  test('a pushed branch and a pushed tag count as pushes, and other events do not', () => {
    const expected = {
      repository: 'group/sub/bot',
      commit: B,
      subject: 'Newest',
      paths: ['a', 'a', 'b', 'c'],
      pushedAt: null,
    };
    expect(pushOf(gitlab('Push Hook', push()))).toMatchObject(expected);
    const tag = { object_kind: 'tag_push', ref: 'refs/tags/v1', before: ZERO, after: A, checkout_sha: B };
    expect(pushOf(gitlab('Tag Push Hook', push(tag)))).toMatchObject({
      ref: 'refs/tags/v1',
      commit: B,
      paths: null,
    });
    expect(gitlab('Merge Request Hook', push())).toEqual({ kind: 'other', event: 'Merge Request Hook' });
    expect(gitlab('', push())).toEqual({ kind: 'other', event: '' });
  });

  test('a push with too many commits, without commits, or of a new branch has unknown changed paths', () => {
    expect(pushOf(gitlab('Push Hook', push({ total_commits_count: 21 }))).paths).toBeNull();
    expect(pushOf(gitlab('Push Hook', push({ commits: [], total_commits_count: 0 }))).paths).toBeNull();
    expect(pushOf(gitlab('Push Hook', push({ before: ZERO }))).paths).toBeNull();
  });

  test('a push of a deleted branch has no commit', () => {
    const deleted = { after: ZERO, checkout_sha: null, commits: [], total_commits_count: 0 };
    expect(pushOf(gitlab('Push Hook', push(deleted))).commit).toBeNull();
  });

  test('a delivery is identified by the idempotency key that its retries share, and in older versions by its event id', () => {
    const both = new Headers({ 'idempotency-key': 'retries', 'x-gitlab-event-uuid': 'event' });
    expect(deliveryIdOf('gitlab', both)).toBe('retries');
    expect(deliveryIdOf('gitlab', new Headers({ 'x-gitlab-event-uuid': 'event' }))).toBe('event');
    expect(deliveryIdOf('gitlab', new Headers())).toBeNull();
  });
});

describe('the payload of a generic hook', () => {
  const push = {
    repository: 'bot',
    ref: 'refs/heads/main',
    commit: 'r1234',
    sourceUrl: 'https://svn.example/r1234.tgz',
  };

  test('is a push, with its changed paths if it lists them', () => {
    expect(pushOf(generic(push))).toMatchObject({ ...push, paths: null, subject: null });
    expect(pushOf(generic({ ...push, paths: ['a'], message: 'Why\u0007' }))).toMatchObject({
      paths: ['a'],
      subject: 'Why',
    });
  });

  test.each([
    ['without a source', { ...push, sourceUrl: undefined }],
    ['whose source is not an HTTP URL', { ...push, sourceUrl: 'file:///etc/passwd' }],
    ['with an invalid commit name', { ...push, commit: '../x' }],
    ['that is a list', [push]],
    ['that is null', null],
  ])('%s is refused', (_what, payload) => {
    expect(generic(payload)).toMatchObject({ kind: 'unreadable' });
  });
});
