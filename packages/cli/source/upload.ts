import { digestOf } from '@pointsman/protocol/digest';
import { sourceLimits } from '@pointsman/protocol/limits';
import { pathOf, paths } from '@pointsman/protocol/paths';
import {
  type FileContent,
  MissingBlobs,
  type MissingBlobsBody,
} from '@pointsman/protocol/releases/release-bodies';
import { ARCHIVE_TYPE } from '@pointsman/protocol/releases/source';
import type { ApiClient, Call } from '@pointsman/client/internal/http/client';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { ApiProblem } from '../failures.ts';
import { cliLimits } from '../limits.ts';
import type { PackedSource } from './pack.ts';

/** The files of a publish that the server has not stored. */
export interface Changes {
  /** The files as a JSON body names them: stored files by their digest, the others with their content. */
  readonly files: Readonly<Record<string, FileContent>>;
  /** The number of files whose content is sent. */
  readonly sent: number;
}

/**
 * Asks the server which files of a source it has stored. Returns null if the whole source should be sent as an
 * archive: it is small, the server does not know this question, or most of the files have changed.
 */
export async function changedFiles(
  client: ApiClient,
  tenant: string,
  { files, archive }: PackedSource,
  deadline: AbortSignal,
): Promise<Changes | null> {
  if (archive.byteLength <= cliLimits.smallArchiveBytes) return null;
  const digests = new Map(files.map(({ path, content }) => [path, digestOf(content)]));
  const missing = await missingBlobs(client, tenant, [...new Set(digests.values())], deadline);
  if (missing === null) return null;
  const changed = files.filter(({ path }) => missing.has(digests.get(path) ?? ''));
  const changedBytes = changed.reduce((sum, { content }) => sum + content.byteLength, 0);
  // Base64 makes a content longer by a third, and a JSON body is not compressed.
  if ((changedBytes * 4) / 3 > archive.byteLength) return null;
  const entries = files.map(({ path, content }): [string, FileContent] => {
    const digest = digests.get(path) ?? '';
    return [path, missing.has(digest) ? { base64: content.toString('base64') } : { digest }];
  });
  return { files: Object.fromEntries(entries), sent: changed.length };
}

/** Returns null if the server does not have this endpoint, or does not allow the question. */
async function missingBlobs(
  client: ApiClient,
  tenant: string,
  digests: readonly string[],
  deadline: AbortSignal,
): Promise<Set<string> | null> {
  const path = pathOf(paths.missingBlobs, { tenant });
  const missing = new Set<string>();
  try {
    for (let start = 0; start < digests.length; start += sourceLimits.digestsPerRequest) {
      const json: MissingBlobsBody = {
        digests: digests.slice(start, start + sourceLimits.digestsPerRequest),
      };
      const answer = await client.call('POST', path, MissingBlobs, { json, deadline });
      for (const digest of answer.missing) missing.add(digest);
    }
    return missing;
  } catch (error) {
    // The publish itself then reports why the tenant cannot be published to.
    if (error instanceof ApiProblem) return null;
    throw error;
  }
}

/**
 * Returns whether the server has deleted a content since it was asked for missing ones. The whole source must
 * be sent then.
 */
export function isMissingContent(error: unknown): boolean {
  return error instanceof ApiProblem && error.problem.code === 'missing_content';
}

/** Returns the call that sends the whole source. */
export function archiveUpload(
  { archive }: PackedSource,
  { query, headers, deadline }: Required<Pick<Call, 'query' | 'headers' | 'deadline'>>,
): Call {
  return {
    query,
    bytes: archive,
    headers: { 'content-type': ARCHIVE_TYPE, ...headers },
    timeoutMs: clientLimits.uploadMs,
    deadline,
  };
}
