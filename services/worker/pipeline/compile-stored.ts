import { RetryableError } from '@restatedev/restate-sdk';

import { compileLimits } from '../../../core/limits/compile-limits.ts';
import type { CompileResult } from '../../compiler/process/compiled.ts';
import type { Compiler } from '../../compiler/compiler.ts';
import { blobReader } from '../../postgres/content/blobs.ts';
import { withStoredDocuments } from '../../postgres/content/compiled-documents.ts';
import type { Database } from '../../postgres/database.ts';
import { loadSource, storeSource } from '../../postgres/content/sources.ts';
import { catchOverQuota } from './over-quota.ts';

export type CompiledSource =
  | { readonly kind: 'stored' }
  | Extract<CompileResult, { kind: 'invalid' }>
  /** The compilation is larger than the rest of the tenant's quota. */
  | { readonly kind: 'over_quota'; readonly reason: string }
  /** The compilation has exceeded a limit, or the source is missing. A retry would have the same result. */
  | { readonly kind: 'broken'; readonly reason: string };

/**
 * Compiles a stored source with the local compiler, and stores the compilation. The result depends only on the source,
 * so a step that is repeated after a crash has the same result. Throws only if a retry may succeed.
 *
 * The API stores the compilation of a source that a client publishes. This function is for all other sources: those of
 * hooks, and those that an older version of the compiler has compiled.
 */
export async function compileStored(
  db: Database,
  compiler: Compiler,
  tenant: string,
  source: string,
): Promise<CompiledSource> {
  // If the compiler is busy, the contents would be read for nothing.
  const loaded = await loadSource(db, tenant, source, { withContents: !compiler.isFullFor(tenant) });
  if (loaded === null) return { kind: 'broken', reason: `the source ${source} is not stored` };
  return withStoredDocuments(db, tenant, async (findStored) => {
    const startedAt = Date.now();
    const readBlobs = blobReader(db, tenant, loaded.contents);
    const result = await compiler.compile(tenant, loaded.tree, readBlobs, findStored);
    if (result.kind === 'busy') throw retryLater();
    if (result.kind === 'invalid') return result;
    if (result.kind !== 'compiled') return { kind: 'broken', reason: result.message };
    const compilation = { ...result, startedAt, finishedAt: Date.now() };
    const exceeded = await catchOverQuota(storeSource(db, tenant, loaded.tree, new Map(), compilation));
    return exceeded === undefined ? { kind: 'stored' } : { kind: 'over_quota', reason: exceeded.reason };
  });
}

/**
 * Returns the error that makes Restate retry the step later, because too many compilations of the tenant are waiting.
 * The delay is random. If hundreds of steps were retried at the same moment, they would use all capacity of Restate
 * and the database.
 */
function retryLater(): RetryableError {
  const { firstMs, lastMs } = compileLimits.busy;
  const retryAfter = Math.round(firstMs + Math.random() * (lastMs - firstMs));
  return new RetryableError('the compiler is busy; this step will be retried', { retryAfter });
}
