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

/**
 * The files of a source, as text or bytes. The key is the path of the file, for example
 * `agents/billing.yaml`.
 */
export type SourceFiles = ReadonlyMap<string, string | Uint8Array>;

export interface PublishOptions {
  /** The channel whose pointer moves. Default: `live`. */
  readonly channel?: string;
  /** If true, the channel is created if the bundle does not have it. */
  readonly createChannel?: boolean;
  /** A message about the change. It is shown in the history of the pointer. */
  readonly message?: string;
  /**
   * The rule for a publish whose pointer already has a release in flight. Default: the rule in the tenant's
   * policy.
   */
  readonly onConflict?: ConflictRule;
  /** The earliest time at which the pointer may move. */
  readonly notBefore?: Date;
  /** The generation that the pointer must still have. Otherwise the release is rejected. */
  readonly ifGeneration?: number;
  /**
   * The idempotency key. A second call with the same key and the same files returns the same release.
   * Default: a new random key.
   */
  readonly idempotencyKey?: string;
  /** Aborts the call. The API may still have accepted the release. */
  readonly signal?: AbortSignal;
}

/**
 * Publishes files as a source of a bundle. Resolves when the API has accepted the release, which is not live
 * yet. To wait until it has settled, use {@link settledRelease}. Throws ProblemError if the source is invalid
 * (`problem.diagnostics` lists why), if a permission is missing, or if there is a conflict.
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
 * Waits until a release has settled, and returns it with its `outcome`. There is no time limit, because gates
 * may take days. Throws the signal's reason if the signal aborts.
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
