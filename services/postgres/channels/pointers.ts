import { z } from 'zod';

import { Digest, type PointerId } from '@pointsman/protocol/identifiers';
import { Hold, type Move, type Pointer } from '@pointsman/protocol/moves/pointer';
import type { Database } from '../database.ts';
import { allRows, answerOf, Big, Iso } from '../rows.ts';

const PointerValue = z.object({
  version: Big.nullable(),
  digest: Digest.nullable(),
  generation: Big,
  hold: Hold.nullable(),
  movedAt: z.string().nullable(),
});

const PointerRow = z.object({ channel: z.string(), pointer: PointerValue });

const Pointers = z.array(PointerValue.nullable());

const MoveRow = z.object({
  generation: Big,
  from_version: Big.nullable(),
  from_digest: Digest.nullable(),
  to_version: Big,
  to_digest: Digest,
  by: z.string(),
  why: z.string(),
  restores: Big.nullable(),
  moved_at: Iso,
});

const MOVE_COLUMNS =
  'generation, from_version, from_digest, to_version, to_digest, by, why, restores, moved_at';

/** Returns the pointer of a channel, or null if the bundle has no such channel. */
export async function findPointer(
  db: Database,
  { tenant, bundle, channel }: PointerId,
): Promise<Pointer | null> {
  const sql =
    'SELECT p.channel, pointer_json(p) AS pointer FROM pointers p WHERE p.tenant = $1 AND p.bundle = $2 AND p.channel = $3';
  return allRows(PointerRow, await db.call(tenant, sql, [tenant, bundle, channel]))[0]?.pointer ?? null;
}

/**
 * Reads many pointers of a tenant in one round trip. The result is in the order of `ids`; an entry is null if the
 * bundle has no such channel.
 */
export async function findPointers(
  db: Database,
  tenant: string,
  ids: readonly Omit<PointerId, 'tenant'>[],
): Promise<(Pointer | null)[]> {
  const values = [ids.map(({ bundle }) => bundle), ids.map(({ channel }) => channel)];
  return answerOf(Pointers, await db.answer(tenant, 'find_pointers($1, $2, $3)', values));
}

/** Lists the channels of a bundle with their pointers, by name. `after` is the last name of the previous page. */
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

/** Lists the moves of a pointer, newest first. `before` is the last generation of the previous page. */
export async function listMoves(
  db: Database,
  { tenant, bundle, channel }: PointerId,
  { before = null, limit }: { before?: number | null; limit: number },
): Promise<Move[]> {
  const sql = `SELECT ${MOVE_COLUMNS} FROM moves
    WHERE tenant = $1 AND bundle = $2 AND channel = $3 AND generation < coalesce($4::bigint, 9223372036854775807)
    ORDER BY generation DESC LIMIT $5`;
  return allRows(MoveRow, await db.call(tenant, sql, [tenant, bundle, channel, before, limit])).map(moveOf);
}

/** Returns the move that created a generation of a pointer, or null if the generation does not exist yet. */
export async function findPointerMove(
  db: Database,
  { tenant, bundle, channel }: PointerId,
  generation: number,
): Promise<Move | null> {
  const sql = `SELECT ${MOVE_COLUMNS} FROM moves
    WHERE tenant = $1 AND bundle = $2 AND channel = $3 AND generation = $4`;
  const [row] = allRows(MoveRow, await db.call(tenant, sql, [tenant, bundle, channel, generation]));
  return row === undefined ? null : moveOf(row);
}

/**
 * Returns the last move to this version before the generation `before`. Rollbacks are ignored. Returns null if there
 * is no such move.
 */
export async function findMoveTo(
  db: Database,
  { tenant, bundle, channel }: PointerId,
  { version, before }: { readonly version: number; readonly before: number },
): Promise<Move | null> {
  const sql = `SELECT ${MOVE_COLUMNS} FROM moves
    WHERE tenant = $1 AND bundle = $2 AND channel = $3 AND to_version = $4 AND generation < $5 AND restores IS NULL
    ORDER BY generation DESC LIMIT 1`;
  const values = [tenant, bundle, channel, version, before];
  const [row] = allRows(MoveRow, await db.call(tenant, sql, values));
  return row === undefined ? null : moveOf(row);
}

function moveOf(row: z.infer<typeof MoveRow>): Move {
  const { from_version: version, from_digest: digest } = row;
  return {
    generation: row.generation,
    from: version !== null && digest !== null ? { version, digest } : null,
    to: { version: row.to_version, digest: row.to_digest },
    by: row.by,
    why: row.why,
    restores: row.restores,
    movedAt: row.moved_at,
  };
}
