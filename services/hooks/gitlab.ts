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

/** The fields of GitLab's push payloads ("Webhook events: push events, tag events") that Pointsman uses. */
const PushPayload = z.object({
  ref: Ref,
  before: Sha,
  after: Sha,
  /**
   * The ID of the commit. It is null if the ref was deleted. For an annotated tag, `after` is the ID of the tag
   * object instead of the commit.
   */
  checkout_sha: Sha.nullish(),
  project: z.object({ path_with_namespace: RepositoryName }),
  /** The newest commits of the push, in order, with the newest last. GitLab lists at most 20 by default. */
  commits: boundedList(Commit, deliveryLimits.gitlabCommits).nullish(),
  total_commits_count: z.number().nullish(),
});
type PushPayload = z.infer<typeof PushPayload>;

const PUSH_EVENTS: ReadonlySet<string> = new Set(['Push Hook', 'Tag Push Hook']);

/**
 * Parses a delivery from GitLab.
 *
 * @param event the value of the header `X-Gitlab-Event`
 */
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

/**
 * Returns the changed paths, or null if they are unknown. They are unknown for a new ref, and if the payload does not
 * list all commits.
 */
function changedPaths({ before, commits, total_commits_count: total }: PushPayload): string[] | null {
  const listed: readonly Commit[] = commits ?? [];
  if (isNoCommit(before) || listed.length === 0 || (total ?? 0) > listed.length) return null;
  return listed.flatMap(({ added, modified, removed }) => [
    ...(added ?? []),
    ...(modified ?? []),
    ...(removed ?? []),
  ]);
}
