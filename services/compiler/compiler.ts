import type { Logger } from 'pino';

import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { compileLimits } from '../../core/limits/compile-limits.ts';
import type { SourceTree } from '@pointsman/protocol/releases/source';
import { documentCache, type DocumentCounts, type FindStored } from './document-cache.ts';
import { badEndings } from './turns/bad-endings.ts';
import type { CompileResult } from './process/compiled.ts';
import { compilePool } from './process/compile-pool.ts';
import { fairQueue } from './turns/fair-queue.ts';
import { resultFrom } from './process/compile-result.ts';
import { placeCompilation } from './turns/place-compilation.ts';
import { tenantLru } from './turns/tenant-lru.ts';
import { tenantStandings } from './turns/tenant-standings.ts';
import type { ReadBlobs } from './process/answer-question.ts';

export interface Compiler {
  /**
   * Compiles a source. `readBlobs` reads contents by digest, and must return all requested contents. Only contents
   * that are not cached are requested, in one call at a time. `findStored` finds compiled documents that are stored.
   * Without it, the result contains all contents. The promise rejects in the following cases, in which a retry may
   * succeed:
   *
   * - `findStored` throws;
   * - `readBlobs` throws, returns too few contents, or returns a content with a wrong digest;
   * - all reads together take longer than `readingMs`;
   * - a process dies during a compilation, for the first time with this source;
   * - no process starts within `threadStartMs`, or several processes in a row die before they start;
   * - the compiler is closed during the call.
   */
  compile(
    tenant: string,
    tree: SourceTree,
    readBlobs: ReadBlobs,
    findStored?: FindStored | null,
  ): Promise<CompileResult>;
  /** Where the documents of all compilations came from. */
  readonly documents: DocumentCounts;
  /** Whether a compilation of this tenant would now return `busy` if its result is not cached. */
  isFullFor(tenant: string): boolean;
  /** The number of compilations that wait for a process. */
  readonly waiting: number;
  /** Kills the compile processes. Running and waiting compilations reject. */
  close(): Promise<void>;
}

type Limits = { readonly [limit in Exclude<keyof typeof compileLimits, 'busy'>]: number };

export interface CompilerOptions {
  /** Values that replace individual values of `compileLimits`. */
  readonly limits?: Partial<Limits>;
  /** The log for internal errors of the compiler. Each entry contains the reference that the caller receives. */
  readonly log?: Pick<Logger, 'error'>;
}

/**
 * Creates a compiler with its own processes and caches. The caches are separate for each tenant. Otherwise a result,
 * or the time that it takes, could reveal what another tenant has compiled.
 */
export function createCompiler(options: CompilerOptions = {}): Compiler {
  const limits: Limits = { ...compileLimits, ...options.limits };
  const pool = compilePool(limits);
  const standings = tenantStandings(limits);
  const queue = fairQueue(limits, { standingOf: standings.of, quickPerSlow: limits.quickPerSlow });
  const documents = documentCache({
    bytes: limits.cacheBytes,
    bytesPerTenant: limits.cacheBytesPerTenant,
  });
  const memo = tenantLru<CompileResult>({
    bytes: limits.memoBytes,
    bytesPerTenant: limits.memoBytesPerTenant,
    entriesPerTenant: limits.memoResults,
  });
  const placementDeps = { pool, queue, standings, limits };
  const endings = badEndings(limits, standings, options.log);
  const underWay = new Map<string, Promise<CompileResult>>();

  const compileUncached = async (
    tenant: string,
    tree: SourceTree,
    readBlobs: ReadBlobs,
    findStored: FindStored | null,
  ): Promise<CompileResult> => {
    const cache = documents.open(tenant, findStored);
    const ended = await placeCompilation(placementDeps, tenant, tree, readBlobs, cache.recall);
    if (ended === 'busy') return { kind: 'busy' };
    if (ended.kind !== 'compiled' && ended.kind !== 'invalid')
      return endings.recordBadEnd(tenant, tree.digest, ended);
    return await resultFrom(ended, cache, readBlobs);
  };

  return {
    get waiting() {
      return queue.waiting;
    },
    isFullFor: (tenant) => queue.isFullFor(tenant),
    documents: documents.counts,
    compile: async (tenant, tree, readBlobs, findStored = null) => {
      const name = `${tenant}/${tree.digest}/${findStored === null ? 'complete' : 'with-stored'}`;
      const recent = memo.get(tenant, tree.digest);
      const isUsable = recent?.kind !== 'compiled' || !recent.lacksContent || findStored !== null;
      const known =
        (isUsable ? recent : undefined) ?? endings.recall(tenant, tree.digest) ?? underWay.get(name);
      if (known) return await known;
      const result = compileUncached(tenant, tree, readBlobs, findStored);
      underWay.set(name, result);
      try {
        const settled = await result;
        if (settled.kind === 'compiled' || settled.kind === 'invalid')
          memo.set(tenant, tree.digest, settled, bytesOf(settled));
        return settled;
      } finally {
        underWay.delete(name);
      }
    },
    close: async () => {
      queue.close();
      pool.close();
    },
  };
}

/**
 * The estimated memory of one blob or artifact file without its content, in bytes: names, digests and object
 * overhead.
 */
const ENTRY_BYTES = 400;

function bytesOf(result: CompileResult): number {
  if (result.kind === 'compiled') {
    const contents = result.blobs.reduce((sum, { content }) => sum + content.byteLength + ENTRY_BYTES, 0);
    const lists = result.artifacts.reduce((sum, { files }) => sum + files.length * ENTRY_BYTES, 0);
    const facts = result.documents.reduce((sum, entry) => sum + 2 * entry.facts.length + ENTRY_BYTES, 0);
    return contents + lists + facts + bytesOfAll(result.warnings);
  }
  return result.kind === 'invalid' ? bytesOfAll(result.diagnostics) : 0;
}

function bytesOfAll(diagnostics: readonly Diagnostic[]): number {
  return diagnostics.reduce((sum, diagnostic) => sum + 500 + 2 * textOf(diagnostic), 1_000);
}

function textOf({ path, pointer, message }: Diagnostic): number {
  return path.length + pointer.length + message.length;
}
