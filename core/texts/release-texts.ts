import { z } from 'zod';

import type { Effect } from '@pointsman/protocol/releases/release';

/** The reason that is stored for a release when a newer one supersedes it. */
export function supersededText(newer: number): string {
  return `superseded by v${newer}`;
}

/** Describes a release whose artifact was live already, as that of another version. */
export function unchangedText(sameAs: number): string {
  return `the same artifact is already live, as v${sameAs}`;
}

/** The reason that is stored for a cancelled release. */
export function cancelledText(by: string, reason: string | null): string {
  return `cancelled by ${by}${reason === null ? '' : `: ${reason}`}`;
}

/** Describes a queued release. `inFront` is the version ahead of it in the queue. */
export function queuedText(inFront: number): string {
  return `waits in line behind v${inFront}`;
}

export function compilerText(attempt: string): string {
  return `waits for the result of the remote compiler, attempt ${attempt}`;
}

/**
 * The reason why a callback accepts no reports, or no further reports. See the SQL function
 * `callback_refuses` in functions/callbacks.sql.
 */
export const Revoked = z.object({
  cause: z.enum([
    'given_up',
    'not_requested',
    'no_response',
    'release_closed',
    'release_published',
    'release_unchanged',
    'release_ended',
    'gate_decided',
  ]),
  /** The reason why Pointsman gave up the request, or why the release was cancelled or superseded. */
  reason: z.string().nullable(),
  /** The name of the gate, if the cause is `gate_decided`. */
  gate: z.string().optional(),
  deadlineAt: z.string(),
});
export type Revoked = z.infer<typeof Revoked>;

export function revokedText({ cause, reason, gate, deadlineAt }: Revoked): string {
  switch (cause) {
    case 'given_up':
      return reason ?? 'the request was given up';
    case 'not_requested':
      return 'the compiler was not called before its deadline';
    case 'no_response':
      return `the compiler did not respond before ${deadlineAt}`;
    case 'release_closed':
      return 'its release has been closed';
    case 'release_published':
      return 'its release has been published';
    case 'release_unchanged':
      return 'the artifact of its release was live already';
    case 'release_ended':
      return reason ?? 'its release has ended';
    case 'gate_decided':
      return `the check "${gate}" is decided already`;
  }
}

/** Describes a compile attempt that the outside compiler has reported as failed. */
export function compilerFailedText(message: string): string {
  return `the compiler reports: ${message}`;
}

/** The ledger text of a request whose report has arrived. */
export const REPORTED = 'reported';

/**
 * The reason why the artifact of a release is incomplete. See the SQL function `store_artifacts` in
 * functions/stages.sql.
 */
export const UnstorableArtifact = z.enum(['blob_missing', 'manifest_unreadable', 'none_for_channel']);
type UnstorableArtifact = z.infer<typeof UnstorableArtifact>;

export function unstorableText(cause: UnstorableArtifact, channel: string): string {
  const why: Readonly<Record<UnstorableArtifact, string>> = {
    blob_missing: 'a blob that it names is not stored',
    manifest_unreadable: 'its manifest cannot be read',
    none_for_channel: `there is neither a base nor one for channel ${channel}`,
  };
  return `the artifact cannot be stored: ${why[cause]}`;
}

/** An entry of the effect ledger, and the push that caused its release. */
interface LedgerLine {
  readonly effect: Effect;
  readonly detail: string | null;
  readonly origin: { readonly repository: string; readonly commit: string } | null;
}

/**
 * Describes an effect for the ledger. The database stores only a sequence number for a move, and only the
 * result for a commit status.
 */
export function effectText({ effect, detail, origin }: LedgerLine): string | null {
  if (effect === 'pointer-move') return `generation ${detail}`;
  if (effect === 'announcement') return `seq ${detail}`;
  if (effect !== 'commit-status' || origin === null) return detail;
  const commit = `${origin.repository}@${origin.commit}`;
  return detail === null ? commit : `${commit}: ${detail}`;
}
