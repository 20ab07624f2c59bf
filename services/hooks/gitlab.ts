import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { describeIssues } from '@pointsman/protocol/json/schema-issues';
import { Sha } from './github.ts';
import { deliveryLimits } from './limits.ts';
import { type Delivered, isNoCommit, Paths, Ref, RepositoryName, subjectOf } from './push.ts';

const Listed = Paths.nullish();
const Commit = z.object({
  id: z.string(),
  message: z.string().optional().default(''),
  added: Listed,
  modified: Listed,
  removed: Listed,
});
type Commit = z.infer<typeof Commit>;

/** "Webhook events: push events, tag events". Only the fields that are used. */
const PushPayload = z.object({
  ref: Ref,
  before: Sha,
  after: Sha,
  /**
   * Null when the ref was deleted. For an annotated tag it is the commit; `after` is the tag's own object.
   */
  checkout_sha: Sha.nullish(),
  project: z.object({ path_with_namespace: RepositoryName }),
  /** At most the 20 newest commits, the newest last. */
  commits: boundedList(Commit, deliveryLimits.gitlabCommits).nullish(),
  total_commits_count: z.number().nullish(),
});
type PushPayload = z.infer<typeof PushPayload>;

const PUSH_EVENTS: ReadonlySet<string> = new Set(['Push Hook', 'Tag Push Hook']);

/** @param event the header `X-Gitlab-Event` */
export function readGitlab(event: string, payload: unknown): Delivered {
  if (!PUSH_EVENTS.has(event)) return { kind: 'other', event };
  const parsed = PushPayload.safeParse(payload);
  if (!parsed.success) return { kind: 'unreadable', problem: describeIssues(parsed) };
  const push = parsed.data;
  const commit = isNoCommit(push.after) ? null : (push.checkout_sha ?? push.after);
  const head = (push.commits ?? []).find(({ id }) => id === commit);
  return {
    kind: 'push',
    push: {
      repository: push.project.path_with_namespace,
      ref: push.ref,
      commit,
      subject: subjectOf(head?.message ?? ''),
      paths: changedPaths(push),
      pushedAt: null,
      sourceUrl: null,
    },
  };
}

/** The changes of a new ref, and of unlisted commits, are unknown. */
function changedPaths({ before, commits, total_commits_count: total }: PushPayload): string[] | null {
  const listed: readonly Commit[] = commits ?? [];
  if (isNoCommit(before) || listed.length === 0 || (total ?? 0) > listed.length) return null;
  return listed.flatMap(({ added, modified, removed }) => [
    ...(added ?? []),
    ...(modified ?? []),
    ...(removed ?? []),
  ]);
}
