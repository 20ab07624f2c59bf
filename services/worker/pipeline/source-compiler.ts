import { RetryableError } from '@restatedev/restate-sdk';
import { LRUCache } from 'lru-cache';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { compileLimits } from '../../../core/limits/compile-limits.ts';
import type { RemoteCompileRule } from '../../../core/policy.ts';
import type { SourceTree } from '@pointsman/protocol/releases/source';
import type { CompileResult } from '../../compiler/process/compiled.ts';
import type { Compiler } from '../../compiler/compiler.ts';
import { readBlobs } from '../../postgres/content/blobs.ts';
import type { Database } from '../../postgres/database.ts';
import { type LoadedSource, loadReleaseSource, loadSource } from '../../postgres/content/sources.ts';

type Compiled = Extract<CompileResult, { kind: 'compiled' | 'invalid' }>;

/** The result if the compilation has exceeded a limit, or the source is missing. A retry would have the same result. */
interface Broken {
  readonly kind: 'broken';
  readonly reason: string;
}

/** Compiles stored sources. Throws only if a retry may succeed. */
export interface SourceCompiler {
  /**
   * Compiles the source of a release. If the policy names an external compiler, returns its rule instead
   * (`elsewhere`). This is the first step of a release.
   */
  compileUnlessRemote(
    id: ReleaseId,
    source: string,
  ): Promise<Compiled | Broken | { readonly kind: 'elsewhere'; readonly executor: RemoteCompileRule }>;
  compile(tenant: string, source: string): Promise<Compiled | Broken>;
}

/**
 * Creates a source compiler that reads sources from the database. File lists are cached for the later steps of a
 * release, because the file list of a source never changes.
 */
export function sourceCompiler(db: Database, compiler: Compiler): SourceCompiler {
  const trees = new LRUCache<string, SourceTree>({ max: compileLimits.sourceTrees });
  const compileLoaded = async (tenant: string, loaded: LoadedSource): Promise<Compiled | Broken> => {
    trees.set(`${tenant}/${loaded.tree.digest}`, loaded.tree);
    const result = await compiler.compile(tenant, loaded.tree, (digests) =>
      readMissing(db, tenant, digests, loaded.contents),
    );
    if (result.kind === 'busy') throw retryLater();
    if (result.kind === 'compiled' || result.kind === 'invalid') return result;
    return { kind: 'broken', reason: result.message };
  };
  return {
    async compileUnlessRemote(id, source) {
      const withContents = !trees.has(`${id.tenant}/${source}`) && !compiler.isFullFor(id.tenant);
      const loaded = await loadReleaseSource(db, id, source, { withContents });
      if (!loaded) return notStored(source);
      if (loaded.executor) return { kind: 'elsewhere', executor: loaded.executor };
      return compileLoaded(id.tenant, loaded);
    },
    async compile(tenant, source) {
      const known = trees.get(`${tenant}/${source}`);
      const loaded = known ? { tree: known, contents: new Map() } : await loadSource(db, tenant, source);
      return loaded ? compileLoaded(tenant, loaded) : notStored(source);
    },
  };
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

function notStored(source: string): Broken {
  return { kind: 'broken', reason: `the source ${source} is not stored` };
}

async function readMissing(
  db: Database,
  tenant: string,
  digests: readonly string[],
  here: ReadonlyMap<string, Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const away = digests.filter((digest) => !here.has(digest));
  return away.length === 0 ? here : new Map([...here, ...(await readBlobs(db, tenant, away))]);
}
