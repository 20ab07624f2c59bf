import { z } from 'zod';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { callbackLimits } from '../../../core/limits/callout-limits.ts';
import type { BlobContent } from '../content/blobs.ts';
import { RefusalRow } from './callback-refusals.ts';
import type { CallbackId } from './callbacks.ts';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Big } from '../rows.ts';

const Put = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stored') }),
  z.object({ kind: z.literal('there') }),
  /** The release has reached the maximum number or the maximum total size of uploaded blobs. */
  z.object({ kind: z.literal('too_much') }),
  ...RefusalRow.options,
]);
export type PutAnswer = z.infer<typeof Put>;

/** Stores a blob that a remote compiler has uploaded, if its callback is open and the release is within its limits. */
export async function putCallbackBlob(
  db: Database,
  { tenant, id }: CallbackId,
  { digest, mediaType, content }: BlobContent,
  nowMs: number,
): Promise<PutAnswer> {
  const { releaseBlobs, releaseBytes } = callbackLimits;
  const values = [id, digest, mediaType, content, releaseBlobs, releaseBytes, at(nowMs)];
  const call = 'put_callback_blob($1, $2, $3, $4, $5, $6, $7, $8)';
  return answerOf(Put, await db.answer(tenant, call, values));
}

const Described = z.object({ mediaType: z.string(), size: Big });

/**
 * Returns the media type and the size of a blob, or null if it is not stored. A stored blob is now retained until the
 * release is compiled.
 */
export async function describeBlob(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
  digest: string,
): Promise<z.infer<typeof Described> | null> {
  await db.answer(tenant, 'hold_blobs($1, $2, release_holder($3, $4))', [[digest], bundle, version]);
  const sql = 'SELECT media_type AS "mediaType", size FROM blobs WHERE tenant = $1 AND digest = $2';
  return allRows(Described, await db.call(tenant, sql, [tenant, digest]))[0] ?? null;
}
