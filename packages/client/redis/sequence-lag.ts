import { readerLimits } from './limits.ts';
import { readEntry } from '@pointsman/protocol/redis/stream-entry';
import type { RedisClient } from './connection.ts';

/** How many moves a consumer is behind the feed of one tenant. */
export interface SequenceLag {
  readonly tenant: string;
  /** The sequence number of the last move that the consumer has applied. Null if it is not known yet. */
  readonly seq: number | null;
  readonly latest: number;
  readonly lag: number;
}

/**
 * Returns the latest sequence number of each tenant in the newest entries of the streams. The `lag` that
 * Redis reports (XINFO GROUPS) is not used. It counts entries instead of moves, and it is wrong or missing
 * after unread entries were trimmed.
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

/** Returns the lag of each tenant that is in at least one of the two maps. */
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
