import { z } from 'zod';

import { Digest, type PointerId } from '../../core/identifiers.ts';
import { Hold, type Move, type Pointer } from '../../core/pointer.ts';
import type { Database } from './database.ts';
import { allRows, Big, Iso } from './rows.ts';

const PointerRow = z.object({
  channel: z.string(),
  pointer: z.object({
    version: Big.nullable(),
    digest: Digest.nullable(),
    generation: Big,
    hold: Hold.nullable(),
    movedAt: z.string().nullable(),
  }),
});

const MoveRow = z.object({
  generation: Big,
  from_version: Big.nullable(),
  from_digest: Digest.nullable(),
  to_version: Big,
  to_digest: Digest,
  by: z.string(),
  why: z.string(),
  moved_at: Iso,
});

/** Null where nothing was ever published or held. */
export async function findPointer(
  db: Database,
  { tenant, bundle, channel }: PointerId,
): Promise<Pointer | null> {
  const sql =
    'SELECT p.channel, pointer_json(p) AS pointer FROM pointers p WHERE p.tenant = $1 AND p.bundle = $2 AND p.channel = $3';
  return allRows(PointerRow, await db.call(tenant, sql, [tenant, bundle, channel]))[0]?.pointer ?? null;
}

/** All channels of a bundle, by name. */
export async function listPointers(
  db: Database,
  tenant: string,
  bundle: string,
  { after = '', limit }: { after?: string; limit: number },
): Promise<{ channel: string; pointer: Pointer }[]> {
  const sql = `SELECT p.channel, pointer_json(p) AS pointer FROM pointers p
    WHERE p.tenant = $1 AND p.bundle = $2 AND p.channel > $3 ORDER BY p.channel LIMIT $4`;
  return allRows(PointerRow, await db.call(tenant, sql, [tenant, bundle, after, limit]));
}

/** Newest first. `before` is the last generation of the page before. */
export async function listMoves(
  db: Database,
  { tenant, bundle, channel }: PointerId,
  { before = null, limit }: { before?: number | null; limit: number },
): Promise<Move[]> {
  const sql = `SELECT generation, from_version, from_digest, to_version, to_digest, by, why, moved_at FROM moves
    WHERE tenant = $1 AND bundle = $2 AND channel = $3 AND generation < coalesce($4::bigint, 9223372036854775807)
    ORDER BY generation DESC LIMIT $5`;
  return allRows(MoveRow, await db.call(tenant, sql, [tenant, bundle, channel, before, limit])).map(
    (row) => ({
      generation: row.generation,
      from:
        row.from_version !== null && row.from_digest !== null
          ? { version: row.from_version, digest: row.from_digest }
          : null,
      to: { version: row.to_version, digest: row.to_digest },
      by: row.by,
      why: row.why,
      movedAt: row.moved_at,
    }),
  );
}
