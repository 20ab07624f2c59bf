import { z } from 'zod';

import type { Effect } from '@pointsman/protocol/releases/release';

/** What becomes the reason of a release that a newer one replaces. */
export function supersededText(newer: number): string {
  return `superseded by v${newer}`;
}

/** The reason of a cancelled release. */
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

/** Why a callback takes nothing (more): see `callback_refuses` in functions/callbacks.sql. */
export const Revoked = z.object({
  cause: z.enum([
    'given_up',
    'not_requested',
    'no_response',
    'release_closed',
    'release_published',
    'release_ended',
    'gate_decided',
  ]),
  /** Why the request was given up, or why the release was asked to stop. */
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
    case 'release_ended':
      return reason ?? 'its release has ended';
    case 'gate_decided':
      return `the check "${gate}" is decided already`;
  }
}

/** An attempt at compiling elsewhere that the compiler itself reports as failed. */
export function compilerFailedText(message: string): string {
  return `the compiler reports: ${message}`;
}

/** Ledger text: the report of the request has arrived. */
export const REPORTED = 'reported';

/** Why a release has no whole artifact: see `store_artifacts` in functions/stages.sql. */
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

/** A line of the ledger, and the push that its release came from. */
interface LedgerLine {
  readonly effect: Effect;
  readonly detail: string | null;
  readonly origin: { readonly repository: string; readonly commit: string } | null;
}

/** What the ledger shows of an effect. The record keeps a number for a move, and for a commit only the result of its status. */
export function effectText({ effect, detail, origin }: LedgerLine): string | null {
  if (effect === 'pointer-move') return `generation ${detail}`;
  if (effect === 'announcement') return `seq ${detail}`;
  if (effect !== 'commit-status' || origin === null) return detail;
  const commit = `${origin.repository}@${origin.commit}`;
  return detail === null ? commit : `${commit}: ${detail}`;
}
