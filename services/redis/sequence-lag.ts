import { readerLimits } from './limits.ts';
import { readEntry } from './stream-entry.ts';
import type { RedisClient } from './writer.ts';

/** How far somebody is behind a tenant's feed, in moves. */
export interface SequenceLag {
  readonly tenant: string;
  /** Null for who knows nothing of the tenant yet. */
  readonly seq: number | null;
  readonly latest: number;
  readonly lag: number;
}

/**
 * The latest number of each tenant among the newest entries of the streams. Counted by what the entries say: the server's own figure (`lag` of XINFO
 * GROUPS) counts entries, and is wrong or missing after unread ones were trimmed.
 */
export async function latestInStreams(
  client: RedisClient,
  streams: readonly string[],
): Promise<Map<string, number>> {
  const latest = new Map<string, number>();
  for (const stream of streams) {
    const newest = await client.xRevRange(stream, '+', '-', { COUNT: readerLimits.lagEntries });
    for (const { message } of newest ?? []) {
      const entry = readEntry(stream, message);
      if (entry.kind !== 'moved') continue;
      const { tenant, seq } = entry.event.data;
      latest.set(tenant, Math.max(latest.get(tenant) ?? 0, seq));
    }
  }
  return latest;
}

/** Of the tenants that either side knows. */
export function sequenceLags(
  latest: ReadonlyMap<string, number>,
  known: ReadonlyMap<string, number | null>,
): SequenceLag[] {
  const tenants = new Set([...latest.keys(), ...known.keys()]);
  return [...tenants].toSorted().map((tenant) => {
    const seq = known.get(tenant) ?? null;
    const newest = Math.max(latest.get(tenant) ?? 0, seq ?? 0);
    return { tenant, seq, latest: newest, lag: newest - (seq ?? 0) };
  });
}
