import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { describeIssues } from '@pointsman/protocol/json/schema-issues';
import { type Delivered, isNoCommit, Paths, Ref, RepositoryName, subjectOf } from './push.ts';

/** The maximum number of commits that GitHub lists per push. */
const MOST_COMMITS = 2_048;

/** The end of the year 9998, in epoch seconds. */
const LAST_SECOND = 253_370_764_799;

export const Sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

const Listed = Paths.optional().default([]);
const Commit = z.object({ added: Listed, removed: Listed, modified: Listed });

/**
 * A time in epoch seconds. The database orders pushes by it, so a fraction or a number outside the column's range is
 * rejected here.
 */
const EpochSeconds = z.int().min(0).max(LAST_SECOND);

/** The fields in use of GitHub's "Webhook events and payloads: push". Older servers omit some of them. */
const PushPayload = z.object({
  ref: Ref,
  after: Sha,
  deleted: z.boolean().optional(),
  created: z.boolean().optional(),
  forced: z.boolean().optional(),
  repository: z.object({
    full_name: RepositoryName,
    /** This event contains epoch seconds; the REST API returns a date. */
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
      // An annotated tag has its own object ID, but statuses and archives need the ID of the commit.
      commit: push.deleted === true || isNoCommit(push.after) ? null : (push.head_commit?.id ?? push.after),
      subject: subjectOf(push.head_commit?.message ?? ''),
      paths: changedPaths(push),
      pushedAt: typeof pushedAt === 'number' ? pushedAt : null,
      sourceUrl: null,
    },
  };
}

/**
 * Returns the changed paths, or null if they are unknown. For a new ref and for a forced push, the listed commits do
 * not contain all changes since the previous content.
 */
function changedPaths({ created, forced, commits }: PushPayload): string[] | null {
  const isWhole = created !== true && forced !== true && commits.length > 0 && commits.length < MOST_COMMITS;
  return isWhole
    ? commits.flatMap(({ added, removed, modified }) => [...added, ...removed, ...modified])
    : null;
}
