import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { describeIssues } from '@pointsman/protocol/json/schema-issues';
import { type Delivered, isNoCommit, Paths, Ref, RepositoryName, subjectOf } from './push.ts';

/** The maximum number of commits that GitHub lists per push. */
const MOST_COMMITS = 2_048;

/** The last second of the year 9998, in epoch seconds. */
const LAST_SECOND = 253_370_764_799;

export const Sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

const Listed = Paths.optional().default([]);
const Commit = z.object({ added: Listed, removed: Listed, modified: Listed });

/**
 * The time of a push in epoch seconds. The database orders pushes by this time. A fraction, or a number outside the
 * range of the database column, is therefore rejected here.
 */
const EpochSeconds = z.int().min(0).max(LAST_SECOND);

/**
 * The fields of GitHub's push payload ("Webhook events and payloads: push") that Pointsman uses. Older GitHub servers
 * omit some of them.
 */
const PushPayload = z.object({
  ref: Ref,
  after: Sha,
  deleted: z.boolean().optional(),
  created: z.boolean().optional(),
  forced: z.boolean().optional(),
  repository: z.object({
    full_name: RepositoryName,
    /**
     * The time of the push. In this payload it is a number of epoch seconds; in GitHub's REST API it is a date
     * string.
     */
    pushed_at: z.union([EpochSeconds, z.string()]).nullish(),
  }),
  head_commit: z.object({ id: Sha, message: z.string().optional().default('') }).nullish(),
  commits: boundedList(Commit, MOST_COMMITS).optional().default([]),
});
type PushPayload = z.infer<typeof PushPayload>;

/**
 * Parses a delivery from GitHub.
 *
 * @param event the value of the header `X-GitHub-Event`
 */
export function readGithub(event: string, payload: unknown): Delivered {
  if (event === 'ping') return { kind: 'ping' };
  if (event !== 'push') return { kind: 'other', event };
  const parsed = PushPayload.safeParse(payload);
  if (!parsed.success) return { kind: 'unreadable', problem: describeIssues(parsed) };
  const push = parsed.data;
  const { full_name: repository, pushed_at: pushedAt } = push.repository;
  return {
    kind: 'push',
    push: {
      repository,
      ref: push.ref,
      // For an annotated tag, `after` is the ID of the tag object. Statuses and archives need the ID of the commit,
      // which is in `head_commit`.
      commit: push.deleted === true || isNoCommit(push.after) ? null : (push.head_commit?.id ?? push.after),
      subject: subjectOf(push.head_commit?.message ?? ''),
      paths: changedPaths(push),
      pushedAt: typeof pushedAt === 'number' ? pushedAt : null,
      sourceUrl: null,
    },
  };
}

/**
 * Returns the changed paths, or null if they are unknown. They are unknown for a new ref and after a forced push. In
 * these cases, the listed commits do not contain all changes since the last push.
 */
function changedPaths({ created, forced, commits }: PushPayload): string[] | null {
  const isWhole = created !== true && forced !== true && commits.length > 0 && commits.length < MOST_COMMITS;
  return isWhole
    ? commits.flatMap(({ added, removed, modified }) => [...added, ...removed, ...modified])
    : null;
}
