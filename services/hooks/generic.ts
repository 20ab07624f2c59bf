import { z } from 'zod';

import { describeIssues } from '@pointsman/protocol/json/schema-issues';
import { requestLimits } from '@pointsman/protocol/limits';
import { httpUrl } from '@pointsman/protocol/json/storable';
import { type Delivered, isNoCommit, Paths, Ref, RepositoryName, subjectOf } from './push.ts';

/** The payload of a push from a sender that is neither GitHub nor GitLab. Pointsman defines this format. */
const PushPayload = z.object({
  repository: RepositoryName,
  ref: Ref,
  commit: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be the name of a commit'),
  /** The URL of a tar.gz with one top-level folder. */
  sourceUrl: httpUrl(requestLimits.urlChars),
  /** The paths of all files that the push changes. */
  paths: Paths.optional(),
  message: z.string().optional(),
});

export function readGeneric(payload: unknown): Delivered {
  const parsed = PushPayload.safeParse(payload);
  if (!parsed.success) return { kind: 'unreadable', problem: describeIssues(parsed) };
  const { repository, ref, commit, sourceUrl, paths, message } = parsed.data;
  return {
    kind: 'push',
    push: {
      repository,
      ref,
      commit: isNoCommit(commit) ? null : commit,
      subject: subjectOf(message ?? ''),
      paths: paths ?? null,
      pushedAt: null,
      sourceUrl,
    },
  };
}
