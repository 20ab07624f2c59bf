import { z } from 'zod';

import { followerLimits } from '@pointsman/protocol/limits';
import { Digest, type PointerId } from '@pointsman/protocol/identifiers';
import { Pointer } from '@pointsman/protocol/moves/pointer';
import { QuotaExceeded } from '@pointsman/protocol/quota';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Big, Iso, json } from '../rows.ts';

const Acknowledged = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('acknowledged'), pointer: Pointer }),
  /**
   * The digest that the follower has reported is wrong. `digest` is the recorded digest of the generation. It is null
   * if the generation does not exist yet.
   */
  z.object({ kind: z.literal('wrong'), digest: Digest.nullable(), pointer: Pointer }),
  /** A follower with another token has recently acknowledged under this name. */
  z.object({ kind: z.literal('taken'), by: z.string() }),
  z.object({ kind: z.literal('too_many') }),
  QuotaExceeded,
  z.object({ kind: z.literal('no_pointer') }),
]);

export interface Acknowledgement extends PointerId {
  readonly follower: string;
  /** The generation that the follower runs. Until it runs one, the generation is 0 and the digest is null. */
  readonly generation: number;
  readonly digest: string | null;
  readonly by: string;
  readonly at: number;
}

/**
 * Records the generation that a follower runs, if it matches the recorded moves. This takes one round trip. If the
 * same generation is reported again, only the time changes.
 */
export async function acknowledge(
  db: Database,
  { tenant, at: epochMs, ...acknowledgement }: Acknowledgement,
): Promise<z.infer<typeof Acknowledged>> {
  const { perChannel: most, lostMs, forgottenMs } = followerLimits;
  const values = [json({ ...acknowledgement, most, lostMs, forgottenMs }), at(epochMs)];
  return answerOf(Acknowledged, await db.answer(tenant, 'acknowledge($1, $2::jsonb, $3)', values));
}

const Row = z.object({
  follower: z.string(),
  generation: Big,
  digest: Digest.nullable(),
  recent: z.boolean(),
  behindBy: Big,
  since: Iso,
  seenAt: Iso,
  by: z.string(),
});
export type FollowerRecord = z.infer<typeof Row>;

/** The sort key of a follower in the list, by which the next page starts. */
export type FollowerPlace = Pick<FollowerRecord, 'recent' | 'generation' | 'follower'>;

/**
 * Lists the followers of a pointer: first the lost followers, then the others. Within each group, the follower that
 * is furthest behind is first. `after` is the last follower of the previous page. A follower that acknowledges while
 * pages are read may be on two pages or on none.
 */
export async function listFollowers(
  db: Database,
  { tenant, bundle, channel }: PointerId,
  { after, limit, at: epochMs }: { after?: FollowerPlace | undefined; limit: number; at: number },
): Promise<FollowerRecord[]> {
  const { recent = false, generation = -1, follower = '' } = after ?? {};
  const sql = `SELECT * FROM (
      SELECT f.follower, f.generation, f.digest, f.seen_at >= $4 AS recent, greatest(p.generation - f.generation, 0) AS "behindBy",
        f.since, f.seen_at AS "seenAt", f.by
      FROM followers f JOIN pointers p USING (tenant, bundle, channel)
      WHERE tenant = $1 AND bundle = $2 AND channel = $3 AND f.seen_at >= $5) known
    WHERE (recent, generation, follower) > ($6::boolean, $7::bigint, $8::text) ORDER BY recent, generation, follower LIMIT $9`;
  const values = [
    tenant,
    bundle,
    channel,
    at(epochMs - followerLimits.lostMs),
    at(epochMs - followerLimits.forgottenMs),
    recent,
    generation,
    follower,
    limit,
  ];
  return allRows(Row, await db.call(tenant, sql, values));
}
