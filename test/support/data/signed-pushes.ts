import { randomUUID } from 'node:crypto';

import type { HookProvider } from '../../../packages/protocol/hook.ts';
import { signatureHeaders } from '../../../packages/protocol/webhooks/sign.ts';
import { signatureOf } from '../servers/code-host.ts';

/** A push as a provider delivers it, with the proof that the provider sent it. */
export interface SignedPush {
  /** The value of `repository` in a hook that accepts this push. */
  readonly repository: string;
  readonly commit: string;
  readonly payload: unknown;
  /** Creates the headers of a delivery with that body. Each call uses a new delivery id. */
  readonly headers: (secret: string, body: string) => Record<string, string>;
}

/**
 * Creates a valid push of each provider.
 *
 * @param sourceUrl the address of the archive in the generic push; the archives of the other pushes are fetched from the provider's API
 */
export function signedPushes(sourceUrl: string): Readonly<Record<HookProvider, SignedPush>> {
  return { github: GITHUB, gitlab: GITLAB, generic: genericPush(sourceUrl) };
}

const GITHUB: SignedPush = {
  repository: 'octo/bot',
  commit: 'a'.repeat(40),
  payload: {
    ref: 'refs/heads/main',
    after: 'a'.repeat(40),
    deleted: false,
    created: false,
    forced: false,
    repository: { full_name: 'octo/bot', pushed_at: 1_700_000_000 },
    head_commit: { id: 'a'.repeat(40), message: 'why' },
    commits: [{ added: ['config/a.json'], removed: [], modified: [] }],
  },
  headers: (secret, body) => ({
    'x-github-event': 'push',
    'x-github-delivery': randomUUID(),
    'x-hub-signature-256': signatureOf(secret, body),
  }),
};

const GITLAB: SignedPush = {
  repository: 'group/bot',
  commit: 'b'.repeat(40),
  payload: {
    ref: 'refs/heads/main',
    before: 'a'.repeat(40),
    after: 'b'.repeat(40),
    checkout_sha: 'b'.repeat(40),
    project: { path_with_namespace: 'group/bot' },
    commits: [{ id: 'b'.repeat(40), message: 'why', added: ['config/a.json'], modified: [], removed: [] }],
    total_commits_count: 1,
  },
  headers: (secret) => ({
    'x-gitlab-event': 'Push Hook',
    'idempotency-key': randomUUID(),
    'x-gitlab-token': secret,
  }),
};

function genericPush(sourceUrl: string): SignedPush {
  return {
    repository: 'bot',
    commit: 'r1',
    payload: {
      repository: 'bot',
      ref: 'refs/heads/main',
      commit: 'r1',
      sourceUrl,
      paths: ['config/a.json'],
      message: 'why',
    },
    headers: (secret, body) =>
      signatureHeaders({ id: randomUUID(), timestamp: Math.floor(Date.now() / 1_000), body }, [secret]),
  };
}
