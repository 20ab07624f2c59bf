import { z } from 'zod';

import { Digest } from '@pointsman/protocol/identifiers';
import { storedDocumentLimits } from '../../../core/limits/compile-limits.ts';
import { LOCAL_EXECUTOR } from '../../../core/releases/local-compiler.ts';
import type { Database, Query } from '../database.ts';
import { allRows, answerOf } from '../rows.ts';

/** A compiled document: the facts about its result as JSON, and the digest of the result, under the key of its input. */
export interface CompiledDocument {
  readonly key: string;
  readonly digest: string;
  readonly facts: string;
}

/** Finds compiled documents whose results are stored. */
export type FindDocuments = (keys: readonly string[]) => Promise<readonly CompiledDocument[]>;

const Row = z.object({ key: z.string(), digest: Digest, facts: z.string() });
/** The number of added bytes. It is negative if smaller documents have replaced larger ones. */
const Added = z.coerce.number().int();

/** Content that a compilation did not make, because it was stored, has been deleted before the compilation was stored. */
export class CompiledContentMissing extends Error {}

/**
 * Compiles and stores a source in `attempt`, with the stored documents of the tenant. The sweep may delete the content of such a document in
 * the meantime. The attempt is then repeated without stored documents, so the compilation makes all content.
 */
export async function withStoredDocuments<T>(
  db: Database,
  tenant: string,
  attempt: (find: FindDocuments | null) => Promise<T>,
): Promise<T> {
  try {
    return await attempt((keys) => findDocuments(db, tenant, keys));
  } catch (error) {
    if (!(error instanceof CompiledContentMissing)) throw error;
    return attempt(null);
  }
}

async function findDocuments(
  db: Database,
  tenant: string,
  keys: readonly string[],
): Promise<CompiledDocument[]> {
  const sql = 'SELECT key, digest, facts FROM find_documents($1, $2, $3, $4)';
  const values = [tenant, LOCAL_EXECUTOR, keys, storedDocumentLimits.lookupBytes];
  return allRows(Row, await db.call(tenant, sql, values));
}

/** Returns those of the documents that are stored with a compilation of a source with that many files. */
export function documentsToStore(
  files: number,
  documents: readonly CompiledDocument[],
): readonly CompiledDocument[] {
  const { fewest, factsChars } = storedDocumentLimits;
  return files < fewest ? [] : documents.filter(({ facts }) => facts.length <= factsChars);
}

/**
 * Stores documents in the transaction that stores their compilation. The caller must charge the added bytes to the tenant at the end of the
 * transaction.
 * @returns the number of bytes added
 */
export async function insertDocuments(
  query: Query,
  tenant: string,
  documents: readonly CompiledDocument[],
): Promise<number> {
  if (documents.length === 0) return 0;
  const sorted = documents.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const columns = [
    sorted.map(({ key }) => key),
    sorted.map(({ digest }) => digest),
    sorted.map(({ facts }) => facts),
  ];
  const sql = 'SELECT put_documents($1, $2, $3, $4, $5) AS answer';
  return answerOf(Added, await query(sql, [tenant, LOCAL_EXECUTOR, ...columns]));
}
