import type { Logger } from 'pino';

import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { compileLimits } from '../../core/limits/compile-limits.ts';
import type { SourceTree } from '@pointsman/protocol/releases/source';
import { badEndings } from './turns/bad-endings.ts';
import type { CompileResult } from './process/compiled.ts';
import { compilePool } from './process/compile-pool.ts';
import { fairQueue } from './turns/fair-queue.ts';
import { resultFrom, type Kept } from './process/compile-result.ts';
import { placeCompilation } from './turns/place-compilation.ts';
import { tenantLru } from './turns/tenant-lru.ts';
import { tenantStandings } from './turns/tenant-standings.ts';
import type { ReadBlobs } from './process/answer-question.ts';

export interface Compiler {
  /**
   * Compiles a source. `readBlobs` is asked for contents by digest, only for those that are not remembered, one call at a time, and must give all
   * of them. These errors are worth a retry:
   *
   * - what `readBlobs` throws, and when it gives too little, or a content of another digest;
   * - when reading takes more than `readingMs` in all;
   * - when a process dies in the middle, for the first time with that source;
   * - when no process begins within `threadStartMs`, or one after the other is ended before it begins;
   * - when the compiler is closed meanwhile.
   */
  compile(tenant: string, tree: SourceTree, readBlobs: ReadBlobs): Promise<CompileResult>;
  /** Whether a compilation of that tenant that is not remembered would be `busy` now. */
  isFullFor(tenant: string): boolean;
  /** How many compilations wait for a process. */
  readonly waiting: number;
  /** Ends the processes. Compilations that run or wait throw. */
  close(): Promise<void>;
}

type Limits = { readonly [limit in Exclude<keyof typeof compileLimits, 'busy'>]: number };

export interface CompilerOptions {
  /** Replaces single ones of `compileLimits`. */
  readonly limits?: Partial<Limits>;
  /** Gets what the compiler itself did wrong, with the reference that its caller is told. */
  readonly log?: Pick<Logger, 'error'>;
}

/**
 * A compiler with its processes and its memory. Memory is apart for each tenant: neither a result nor the time that it takes may
 * tell one tenant what another has compiled.
 */
export function createCompiler(options: CompilerOptions = {}): Compiler {
  const limits: Limits = { ...compileLimits, ...options.limits };
  const pool = compilePool(limits);
  const standings = tenantStandings(limits);
  const queue = fairQueue(limits, { standingOf: standings.of, quickPerSlow: limits.quickPerSlow });
  const kept = tenantLru<Kept>({ bytes: limits.cacheBytes, bytesPerTenant: limits.cacheBytesPerTenant });
  const memo = tenantLru<CompileResult>({
    bytes: limits.memoBytes,
    bytesPerTenant: limits.memoBytesPerTenant,
    entriesPerTenant: limits.memoResults,
  });
  const placing = { pool, queue, standings, limits };
  const endings = badEndings(limits, standings, options.log);
  const underWay = new Map<string, Promise<CompileResult>>();

  const compileAnew = async (
    tenant: string,
    tree: SourceTree,
    readBlobs: ReadBlobs,
  ): Promise<CompileResult> => {
    const recalled = new Map<string, Kept>();
    const recall = (key: string): string | undefined => {
      const known = kept.get(tenant, key);
      if (known) recalled.set(known.digest, known);
      return known?.facts;
    };
    const ended = await placeCompilation(placing, tenant, tree, readBlobs, recall);
    if (ended === 'busy') return { kind: 'busy' };
    if (ended.kind !== 'compiled' && ended.kind !== 'invalid')
      return endings.endedBadly(tenant, tree.digest, ended);
    const keep = (key: string, value: Kept, bytes: number): void => kept.set(tenant, key, value, bytes);
    return await resultFrom(ended, recalled, keep, readBlobs);
  };

  return {
    get waiting() {
      return queue.waiting;
    },
    isFullFor: (tenant) => queue.isFullFor(tenant),
    compile: async (tenant, tree, readBlobs) => {
      const name = `${tenant}/${tree.digest}`;
      const known =
        memo.get(tenant, tree.digest) ?? endings.recall(tenant, tree.digest) ?? underWay.get(name);
      if (known) return await known;
      const result = compileAnew(tenant, tree, readBlobs);
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

/** A blob, or a file of an artifact, without its content: names, digests and the objects around them, roughly. */
const ENTRY_BYTES = 400;

function bytesOf(result: CompileResult): number {
  if (result.kind === 'compiled') {
    const contents = result.blobs.reduce((sum, { content }) => sum + content.byteLength + ENTRY_BYTES, 0);
    const lists = result.artifacts.reduce((sum, { files }) => sum + files.length * ENTRY_BYTES, 0);
    return contents + lists + bytesOfAll(result.warnings);
  }
  return result.kind === 'invalid' ? bytesOfAll(result.diagnostics) : 0;
}

function bytesOfAll(diagnostics: readonly Diagnostic[]): number {
  return diagnostics.reduce((sum, diagnostic) => sum + 500 + 2 * textOf(diagnostic), 1_000);
}

function textOf({ path, pointer, message }: Diagnostic): number {
  return path.length + pointer.length + message.length;
}
