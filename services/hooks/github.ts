import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { describeIssues } from '@pointsman/protocol/json/schema-issues';
import { type Delivered, isNoCommit, Paths, Ref, RepositoryName, subjectOf } from './push.ts';

/** GitHub's limit of listed commits per push. */
const MOST_COMMITS = 2_048;

/** The end of the year 9998. */
const LAST_SECOND = 253_370_764_799;

export const Sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

const Listed = Paths.optional().default([]);
const Commit = z.object({ added: Listed, removed: Listed, modified: Listed });

/**
 * The record orders pushes by this time. A fraction, or a number outside the column's range, is rejected
 * here.
 */
const EpochSeconds = z.int().min(0).max(LAST_SECOND);

/** "Webhook events and payloads: push". Only the fields that are used; older servers omit some of them. */
const PushPayload = z.object({
  ref: Ref,
  after: Sha,
  deleted: z.boolean().optional(),
  created: z.boolean().optional(),
  forced: z.boolean().optional(),
  repository: z.object({
    full_name: RepositoryName,
    /** Epoch seconds in this event; the REST API returns a date. */
    pushed_at: z.union([EpochSeconds, z.string()]).nullish(),
  }),
  head_commit: z.object({ id: Sha, message: z.string().optional().default('') }).nullish(),
  commits: boundedList(Commit, MOST_COMMITS).optional().default([]),
});
type PushPayload = z.infer<typeof PushPayload>;

/** @param event the header `X-GitHub-Event` */
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
      // An annotated tag has its own object ID; statuses and archives need the commit's.
      commit: push.deleted === true || isNoCommit(push.after) ? null : (push.head_commit?.id ?? push.after),
      subject: subjectOf(push.head_commit?.message ?? ''),
      paths: changedPaths(push),
      pushedAt: typeof pushedAt === 'number' ? pushedAt : null,
      sourceUrl: null,
    },
  };
}

/** For a new ref and a forced push, the listed commits are not the difference from the previous content. */
function changedPaths({ created, forced, commits }: PushPayload): string[] | null {
  const isWhole = created !== true && forced !== true && commits.length > 0 && commits.length < MOST_COMMITS;
  return isWhole
    ? commits.flatMap(({ added, removed, modified }) => [...added, ...removed, ...modified])
    : null;
}
