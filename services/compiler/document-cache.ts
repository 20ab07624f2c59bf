import { storedDocumentLimits } from '../../core/limits/compile-limits.ts';
import type { Recall } from './process/answer-question.ts';
import type { CacheEntry } from './process/compile-protocol.ts';
import type { CompiledBlob } from './process/compiled.ts';
import { type TenantLruLimits, tenantLru } from './turns/tenant-lru.ts';

/** Finds compiled documents that are stored in the database. The contents of their results must be stored as well. */
export type FindStored = (keys: readonly string[]) => Promise<readonly CacheEntry[]>;

/** How often a compilation has found a document in memory, found it in the database, or had to compile it. */
export type DocumentCounts = Readonly<Record<'memory' | 'database' | 'compiled', number>>;

/** The compiled documents of all tenants. The documents of one tenant are never used for another. */
export interface DocumentCache {
  readonly counts: DocumentCounts;
  /** Opens the cache for one compilation. Without `findStored`, only documents whose content is in memory are used. */
  readonly open: (tenant: string, findStored: FindStored | null) => OpenDocumentCache;
}

/** The cache during one compilation. */
export interface OpenDocumentCache {
  readonly recall: Recall;
  /** The results that were found in memory, by digest. */
  readonly contents: ReadonlyMap<string, CompiledBlob>;
  /** The digests of the results that were found, but whose content is only in the database. */
  readonly stored: ReadonlySet<string>;
  readonly add: (entry: CacheEntry, blob: CompiledBlob) => void;
}

interface CachedDocument {
  readonly facts: string;
  readonly digest: string;
  /** Null if the content is only in the database. */
  readonly blob: CompiledBlob | null;
}

/** The estimated memory overhead of one cache entry in bytes: objects, keys and strings. */
const OVERHEAD_BYTES = 600;

export function documentCache(limits: TenantLruLimits): DocumentCache {
  const documents = tenantLru<CachedDocument>(limits);
  const counts = { memory: 0, database: 0, compiled: 0 };
  const keep = (tenant: string, { key, facts, digest }: CacheEntry, blob: CompiledBlob | null): void => {
    const bytes = (blob?.content.byteLength ?? 0) + 2 * (key.length + facts.length) + OVERHEAD_BYTES;
    documents.set(tenant, key, { facts, digest, blob }, bytes);
  };
  return {
    counts,
    open: (tenant, findStored) => {
      const contents = new Map<string, CompiledBlob>();
      const stored = new Set<string>();
      const recallMemory = (key: string): string | null => {
        const known = documents.get(tenant, key);
        if (known === undefined || (known.blob === null && findStored === null)) return null;
        if (known.blob === null) stored.add(known.digest);
        else contents.set(known.digest, known.blob);
        return known.facts;
      };
      return {
        contents,
        stored,
        recall: async (keys) => {
          const found = new Map<string, string>();
          const unknown = keys.filter((key) => {
            const facts = recallMemory(key);
            if (facts !== null) found.set(key, facts);
            return facts === null;
          });
          counts.memory += keys.length - unknown.length;
          const isWorthIt = findStored !== null && unknown.length >= storedDocumentLimits.fewest;
          const entries = isWorthIt ? await findStored(unknown) : [];
          for (const entry of entries) {
            keep(tenant, entry, null);
            stored.add(entry.digest);
            found.set(entry.key, entry.facts);
          }
          counts.database += entries.length;
          counts.compiled += unknown.length - entries.length;
          return found;
        },
        add: (entry, blob) => keep(tenant, entry, blob),
      };
    },
  };
}
