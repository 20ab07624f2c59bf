import { z } from 'zod';

import { Digest } from '@pointsman/protocol/identifiers';
import type { Database, Query } from '../database.ts';
import { allRows, answerOf, Big } from '../rows.ts';

export interface BlobContent {
  readonly digest: string;
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/**
 * The maximum number of content bytes per statement. Without it, a source with many files would be sent as one
 * message, and would be in memory twice. A single larger blob is sent alone.
 */
const BATCH_BYTES = 4 * 1024 * 1024;

const DigestRow = z.object({ digest: Digest });
const SizeRow = DigestRow.extend({ size: Big });
const ContentRow = DigestRow.extend({ content: z.instanceof(Uint8Array) });
const SliceRow = z.object({ slice: z.instanceof(Uint8Array) });
/** A number of bytes that is larger than any value that PostgreSQL can store. */
export const ALL_BYTES = 2 ** 31 - 1;

const HeadRow = z.object({ mediaType: z.string(), size: Big, head: z.instanceof(Uint8Array) });

/** The media type and the size of a blob, and the start of its content. */
export type BlobHead = z.infer<typeof HeadRow>;

export async function readBlobs(
  db: Database,
  tenant: string,
  digests: readonly string[],
): Promise<Map<string, Uint8Array>> {
  if (digests.length === 0) return new Map();
  const rows = await db.call(
    tenant,
    'SELECT digest, content FROM blobs WHERE tenant = $1 AND digest = ANY ($2)',
    [tenant, digests],
  );
  return new Map(allRows(ContentRow, rows).map(({ digest, content }) => [digest, content]));
}

/** Returns a function that returns contents by digest. It reads those that are not in `here` from the database. */
export function blobReader(
  db: Database,
  tenant: string,
  here: ReadonlyMap<string, Uint8Array>,
): (digests: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>> {
  return async (digests) => {
    const away = digests.filter((digest) => !here.has(digest));
    return away.length === 0 ? here : new Map([...here, ...(await readBlobs(db, tenant, away))]);
  };
}

/** Returns the sizes of those of the digests whose contents are stored. */
export async function storedSizes(
  db: Database,
  tenant: string,
  digests: readonly string[],
): Promise<Map<string, number>> {
  if (digests.length === 0) return new Map();
  const sql = 'SELECT digest, size FROM blobs WHERE tenant = $1 AND digest = ANY ($2)';
  const rows = await db.call(tenant, sql, [tenant, [...new Set(digests)]]);
  return new Map(allRows(SizeRow, rows).map(({ digest, size }) => [digest, size]));
}

/** Finds a blob. `head` is at most the first `headBytes` bytes of the content. */
export async function findBlob(
  db: Database,
  tenant: string,
  digest: string,
  headBytes = ALL_BYTES,
): Promise<BlobHead | null> {
  const sql = `SELECT media_type AS "mediaType", size, substring(content FROM 1 FOR $3) AS head
    FROM blobs WHERE tenant = $1 AND digest = $2`;
  return allRows(HeadRow, await db.call(tenant, sql, [tenant, digest, headBytes]))[0] ?? null;
}

/**
 * Reads a part of a blob's content. At the end of the content the part is shorter than requested, or empty. Returns
 * null if the blob is not stored.
 */
export async function readBlobSlice(
  db: Database,
  tenant: string,
  digest: string,
  { offset, bytes }: { offset: number; bytes: number },
): Promise<Uint8Array | null> {
  const sql = `SELECT substring(content FROM $3 FOR $4) AS slice FROM blobs WHERE tenant = $1 AND digest = $2`;
  const rows = await db.call(tenant, sql, [tenant, digest, offset + 1, bytes]);
  return allRows(SliceRow, rows)[0]?.slice ?? null;
}

/** Returns those of the digests whose blobs are not stored. */
export async function missingBlobs(
  query: Query,
  tenant: string,
  digests: readonly string[],
): Promise<Set<string>> {
  if (digests.length === 0) return new Set();
  const rows = await query(
    'SELECT d AS digest FROM unnest($2::text[]) d WHERE NOT EXISTS (SELECT FROM blobs WHERE tenant = $1 AND digest = d)',
    [tenant, digests],
  );
  return new Set(allRows(DigestRow, rows).map((row) => row.digest));
}

/**
 * Stores those of the blobs that are not stored yet. The contents of the others are not sent. Throws the errors of
 * {@link Database}. Also throws if a quota is exceeded.
 */
export async function storeBlobs(db: Database, tenant: string, blobs: readonly BlobContent[]): Promise<void> {
  await db.tenant(tenant, async (query) => {
    const missing = await missingBlobs(
      query,
      tenant,
      blobs.map((blob) => blob.digest),
    );
    const added = await insertBlobs(
      query,
      tenant,
      blobs.filter((blob) => missing.has(blob.digest)),
    );
    await query('SELECT charge_bytes($1, $2)', [tenant, added]);
  });
}

/**
 * Converts blobs to the parameters of a statement: digests, media types and contents. They are sorted by digest, so
 * that concurrent transactions lock the blobs in the same order. Without contents, each content is null; this is for
 * blobs that are already stored.
 */
export function blobColumns(
  blobs: readonly BlobContent[],
  { withContents = true }: { withContents?: boolean } = {},
): [string[], string[], (Buffer | null)[]] {
  const sorted = blobs.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  return [
    sorted.map((blob) => blob.digest),
    sorted.map((blob) => blob.mediaType),
    sorted.map(({ content }) =>
      withContents ? Buffer.from(content.buffer, content.byteOffset, content.byteLength) : null,
    ),
  ];
}

/**
 * Inserts blobs in batches, in the caller's transaction. The caller must charge the added bytes to the tenant at the
 * end of the transaction. A blob that another transaction has stored in the meantime is skipped, because its content
 * is the same.
 * @returns the number of bytes added
 */
export async function insertBlobs(
  query: Query,
  tenant: string,
  blobs: readonly BlobContent[],
): Promise<number> {
  let added = 0;
  for (const batch of batches(blobs)) {
    const sizes = batch.map(({ content }) => content.byteLength);
    let end = 1;
    const starts = sizes.map((size) => (end += size) - size);
    const digests = batch.map(({ digest }) => digest);
    const types = batch.map(({ mediaType }) => mediaType);
    const contents = Buffer.concat(batch.map(({ content }) => content));
    const sql = 'SELECT put_blobs($1, $2, $3, $4, $5, $6) AS answer';
    added += answerOf(Big, await query(sql, [tenant, digests, types, starts, sizes, contents]));
  }
  return added;
}

/**
 * Splits blobs into batches of at most `BATCH_BYTES`. The blobs are sorted by digest, so that concurrent transactions
 * lock them in the same order.
 */
function batches(blobs: readonly BlobContent[]): BlobContent[][] {
  const sorted = blobs.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const found: BlobContent[][] = [];
  let bytes = Infinity;
  for (const blob of sorted) {
    if (bytes + blob.content.length > BATCH_BYTES) {
      found.push([]);
      bytes = 0;
    }
    bytes += blob.content.length;
    found.at(-1)?.push(blob);
  }
  return found;
}
