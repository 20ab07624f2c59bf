import { randomUUID } from 'node:crypto';

import { etagOf } from '@pointsman/protocol/entity-tag';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { ConflictRule } from '@pointsman/protocol/releases/release';
import type { FileContent, PublishBody } from '@pointsman/protocol/releases/release-bodies';
import type { ApiClient } from './client.ts';
import { followRelease } from './follow-release.ts';
import { clientLimits } from './limits.ts';
import { AcceptedRelease, type ReleaseView } from './resources.ts';

/** The files of a source: text, or bytes, by path (`agents/billing.yaml`). */
export type SourceFiles = ReadonlyMap<string, string | Uint8Array>;

export interface PublishOptions {
  /** Default: `live`. */
  readonly channel?: string;
  /** Allows a channel that the bundle does not have yet. */
  readonly createChannel?: boolean;
  /** A message that is shown in the history. */
  readonly message?: string;
  /** What happens if a release of the pointer is in flight. Default: the rule of the tenant's policy. */
  readonly onConflict?: ConflictRule;
  /** The pointer does not move before this time. */
  readonly notBefore?: Date;
  /** Publishes only if the pointer is still at this generation. */
  readonly ifGeneration?: number;
  /** Identifies the publish: a second call with the same key and files returns the same release. Default: a new one. */
  readonly idempotencyKey?: string;
  /** Aborts the call. */
  readonly signal?: AbortSignal;
}

/**
 * Publishes files as a source of a bundle. Resolves when the API has accepted the release, before it is live;
 * to wait for that, use {@link settledRelease}. Throws ProblemError for an invalid source
 * (`problem.diagnostics` lists the problems), a missing permission or a conflict.
 */
export async function publish(
  client: ApiClient,
  { tenant, bundle }: { readonly tenant: string; readonly bundle: string },
  files: SourceFiles,
  { notBefore, ifGeneration, idempotencyKey, signal, ...options }: PublishOptions = {},
): Promise<AcceptedRelease> {
  const entries = [...files].map(([path, content]): [string, FileContent] => [
    path,
    typeof content === 'string' ? content : { base64: Buffer.from(content).toString('base64') },
  ]);
  const json: PublishBody = {
    files: Object.fromEntries(entries),
    ...options,
    notBefore: notBefore?.toISOString(),
  };
  return client.call('POST', pathOf(paths.releases, { tenant, bundle }), AcceptedRelease, {
    json,
    headers: {
      'idempotency-key': idempotencyKey ?? randomUUID(),
      ...(ifGeneration === undefined ? {} : { 'if-match': etagOf(ifGeneration) }),
    },
    timeoutMs: clientLimits.uploadMs,
    deadline: signal,
  });
}

/**
 * Waits until a release has settled, and returns it with its `outcome`. The wait has no time limit, because
 * gates may take days. Throws the signal's reason if it aborts.
 */
export async function settledRelease(
  client: ApiClient,
  id: ReleaseId,
  signal: AbortSignal,
): Promise<ReleaseView> {
  let last: ReleaseView | null = null;
  for await (const view of followRelease(client, id, signal)) last = view;
  if (last === null) throw new Error('a release that is followed has at least one view');
  return last;
}
