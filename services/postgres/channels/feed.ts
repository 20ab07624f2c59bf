import { z } from 'zod';

import { Digest } from '@pointsman/protocol/identifiers';
import type { RecordedMove } from '@pointsman/protocol/moves/move-event';
import type { Database } from '../database.ts';
import { allRows, at, Big, Iso } from '../rows.ts';

const MoveRow = z.object({
  bundle: z.string(),
  channel: z.string(),
  generation: Big,
  seq: Big,
  from_version: Big.nullable(),
  from_digest: Digest.nullable(),
  to_version: Big,
  to_digest: Digest,
  moved_at: Iso,
});

const NoMove = z.object({ seq: z.null() });
const MaybeMoveRow = z.union([NoMove, MoveRow]);

const Latest = z.object({ latest: Big });
const Ends = Latest.extend({ oldest: Big });

const COLUMNS =
  'bundle, channel, generation, seq, from_version, from_digest, to_version, to_digest, moved_at';

/** A page of a tenant's feed (the list of its moves), with the first and the last position of the feed. */
export interface FeedPage {
  readonly moves: readonly RecordedMove[];
  /** The feed number of the last move. */
  readonly latest: number;
  /** The position before the oldest move that is still retained. It equals `latest` if no move is retained. */
  readonly oldest: number;
}

/**
 * Returns a page of a tenant's feed: the moves after `after`, in order. The page is one consistent snapshot. If
 * `after` is 'latest', the page starts after the last move. If it is null, the page starts with the first move at or
 * after `sinceMs`. The caller must check that `after` is not before `oldest`. Returns null if the tenant does not
 * exist.
 */
export async function findFeedPage(
  db: Database,
  tenant: string,
  { after, sinceMs, limit }: { after: number | 'latest' | null; sinceMs: number; limit: number },
): Promise<FeedPage | null> {
  const sql = `WITH ends AS (
      SELECT t.tenant, t.feed_seq AS latest, feed_floor(t.tenant, $3) AS oldest FROM tenants t WHERE t.tenant = $1)
    SELECT ends.latest, ends.oldest, m.* FROM ends LEFT JOIN LATERAL (
      SELECT ${COLUMNS} FROM moves
      WHERE tenant = ends.tenant AND seq > CASE WHEN $4 THEN ends.latest ELSE coalesce($2::bigint, ends.oldest) END
      ORDER BY seq LIMIT $5) m ON true
    ORDER BY m.seq`;
  const isLatest = after === 'latest';
  const values = [tenant, isLatest ? null : after, at(sinceMs), isLatest, limit];
  const rows = await db.call(tenant, sql, values);
  const [ends] = allRows(Ends, rows.slice(0, 1));
  return ends === undefined ? null : { ...ends, moves: movesOf(tenant, rows) };
}

/** Lists the moves after a feed number, in order. */
export async function listFeed(
  db: Database,
  tenant: string,
  { after, limit }: { after: number; limit: number },
): Promise<RecordedMove[]> {
  const sql = `SELECT ${COLUMNS} FROM moves WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3`;
  return movesOf(tenant, await db.call(tenant, sql, [tenant, after, limit]));
}

/**
 * Returns the last moves of the feed after `after`, at most `most` of them, and the feed number of the last move. No
 * feed number in between is missing. If `after` is null, returns no moves. Returns null if the tenant does not exist.
 */
export async function findFeedEnd(
  db: Database,
  tenant: string,
  { after, most }: { after: number | null; most: number },
): Promise<{ latest: number; moves: RecordedMove[] } | null> {
  const sql = `SELECT t.feed_seq AS latest, m.* FROM tenants t LEFT JOIN LATERAL (
      SELECT ${COLUMNS} FROM moves
      WHERE tenant = t.tenant AND seq > greatest(coalesce($2::bigint, t.feed_seq), t.feed_seq - $3::bigint)) m ON true
    WHERE t.tenant = $1 ORDER BY m.seq`;
  const rows = await db.call(tenant, sql, [tenant, after, most]);
  const [end] = allRows(Latest, rows.slice(0, 1));
  return end === undefined ? null : { ...end, moves: movesOf(tenant, rows) };
}

function movesOf(tenant: string, rows: readonly unknown[]): RecordedMove[] {
  return allRows(MaybeMoveRow, rows).flatMap((row) => ('bundle' in row ? [move(tenant, row)] : []));
}

function move(tenant: string, row: z.infer<typeof MoveRow>): RecordedMove {
  const { bundle, channel, generation, seq, from_version: version, from_digest: digest } = row;
  return {
    tenant,
    bundle,
    channel,
    generation,
    seq,
    from: version !== null && digest !== null ? { version, digest } : null,
    to: { version: row.to_version, digest: row.to_digest },
    movedAt: row.moved_at,
  };
}
