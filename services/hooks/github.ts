import { z } from 'zod';

import { boundedList } from '../../core/json/bounded-list.ts';
import { describeIssues } from '../../core/json/schema-issues.ts';
import { type Delivered, isNoCommit, Paths, Ref, RepositoryName, subjectOf } from './push.ts';

/** GitHub lists at most so many commits of a push. */
const MOST_COMMITS = 2_048;

/** The end of the year 9998. */
const LAST_SECOND = 253_370_764_799;

export const Sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

const Listed = Paths.optional().default([]);
const Commit = z.object({ added: Listed, removed: Listed, modified: Listed });

/** The record orders pushes by them, so that a fraction or a number past its columns is refused here. */
const EpochSeconds = z.int().min(0).max(LAST_SECOND);

/** "Webhook events and payloads: push". What is not here is not needed; older servers leave some of it out. */
const PushPayload = z.object({
  ref: Ref,
  after: Sha,
  deleted: z.boolean().optional(),
  created: z.boolean().optional(),
  forced: z.boolean().optional(),
  repository: z.object({
    full_name: RepositoryName,
    /** Epoch seconds in this event; the REST API gives a date. */
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
      // An annotated tag has a name of its own; statuses and archives are of its commit.
      commit: push.deleted === true || isNoCommit(push.after) ? null : (push.head_commit?.id ?? push.after),
      subject: subjectOf(push.head_commit?.message ?? ''),
      paths: changedPaths(push),
      pushedAt: typeof pushedAt === 'number' ? pushedAt : null,
      sourceUrl: null,
    },
  };
}

/** A new ref and a forced push list commits, and not what differs from what was there before. */
function changedPaths({ created, forced, commits }: PushPayload): string[] | null {
  const isWhole = created !== true && forced !== true && commits.length > 0 && commits.length < MOST_COMMITS;
  return isWhole
    ? commits.flatMap(({ added, removed, modified }) => [...added, ...removed, ...modified])
    : null;
}
