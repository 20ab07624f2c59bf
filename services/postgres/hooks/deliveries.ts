import { z } from 'zod';

import { type DeliveryName, DeliveryState, HookProvider } from '@pointsman/protocol/hook';
import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { hookLimits } from '../../../core/limits/limits.ts';
import { ConflictRule } from '@pointsman/protocol/releases/release';
import { QuotaExceeded } from '@pointsman/protocol/quota';
import { HookLost, hookLostText, overtakenText } from '../../../core/texts/hook-texts.ts';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Big, json, storable } from '../rows.ts';

const Delivery = z.object({
  delivery: z.string(),
  state: DeliveryState,
  repository: z.string().nullable(),
  ref: z.string().nullable(),
  commit: z.string().nullable(),
  subject: z.string().nullable(),
  bundle: z.string(),
  channel: z.string(),
  version: z.number().int().nullable(),
  reason: z.string().nullable(),
  receivedAt: z.string(),
  updatedAt: z.string(),
});

/** A hook delivery as the API returns it. */
export type DeliveryRecord = z.infer<typeof Delivery>;

export interface ReceiveDelivery extends DeliveryName {
  /** The digest of the payload. */
  readonly fingerprint: string;
  readonly provider: HookProvider;
  readonly repository: string | null;
  readonly ref: string | null;
  readonly commit: string | null;
  readonly subject: string | null;
  readonly sourceUrl: string | null;
  readonly pushedAt: number | null;
  readonly path: string | null;
  readonly bundle: string;
  readonly channel: string;
  /** The reason why this delivery does not publish. It is null if the delivery should publish. */
  readonly ignored: string | null;
  readonly at: number;
}

const Received = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('received'), delivery: Delivery }),
  /** The delivery was recorded before. `delivery` is its current state. */
  z.object({ kind: z.literal('replayed'), delivery: Delivery }),
  QuotaExceeded,
  /** The delivery ID was used before with another payload. */
  KeyReused,
]);

/**
 * Records a delivery. A delivery with the same ID is recorded once. Also deletes a few deliveries whose retention
 * time has ended.
 */
export async function receiveDelivery(
  db: Database,
  { tenant, at: epochMs, ...request }: ReceiveDelivery,
): Promise<z.infer<typeof Received>> {
  const asked = json({ ...request, keepMs: hookLimits.keptMs });
  return answerOf(
    Received,
    await db.answer(tenant, 'receive_delivery($1, $2::jsonb, $3)', [asked, at(epochMs)]),
  );
}

const Opened = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('open'),
    provider: HookProvider,
    /** The name of the repository in the spelling of the hook. */
    repository: z.string(),
    ref: z.string(),
    commit: z.string(),
    subject: z.string().nullable(),
    sourceUrl: z.string().nullable(),
    path: z.string().nullable(),
    bundle: z.string(),
    channel: z.string(),
    /**
     * Whether the hook may create the channel. It is the hook's current setting, but false if the hook now has
     * another channel.
     */
    createChannel: z.boolean(),
    apiUrl: z.string().nullable(),
    /** The token for the provider's API, encrypted. */
    token: z.string().nullable(),
    onConflict: ConflictRule,
  }),
  z.object({ kind: z.literal('lost'), cause: HookLost }),
  z.object({ kind: z.literal('overtaken'), version: z.number().int() }),
  z.object({ kind: z.literal('ended'), delivery: Delivery }),
  z.object({ kind: z.literal('no_delivery') }),
]);
type Opened = z.infer<typeof Opened>;
export type OpenedDelivery = Extract<Opened, { kind: 'open' }>;

/** Returns the data that is needed to download the source of a delivery. Records that the download has begun. */
export async function openDelivery(
  db: Database,
  { tenant, hook, delivery }: DeliveryName,
  epochMs: number,
): Promise<Exclude<Opened, { kind: 'lost' | 'overtaken' }> | { kind: 'refused'; reason: string }> {
  const rows = await db.answer(tenant, 'open_delivery($1, $2, $3, $4)', [hook, delivery, at(epochMs)]);
  const opened = answerOf(Opened, rows);
  if (opened.kind === 'lost') return { kind: 'refused', reason: hookLostText(opened.cause) };
  if (opened.kind === 'overtaken') return { kind: 'refused', reason: overtakenText(opened.version) };
  return opened;
}

/**
 * Ends a delivery that does not create a release. A delivery that has already ended is not changed.
 * @returns the delivery, or null if it does not exist
 */
export async function endDelivery(
  db: Database,
  { tenant, hook, delivery }: DeliveryName,
  how: 'refused' | 'failed',
  reason: string,
  epochMs: number,
): Promise<DeliveryRecord | null> {
  const values = [hook, delivery, how, storable(reason), at(epochMs)];
  const rows = await db.answer(tenant, 'end_delivery($1, $2, $3, $4, $5, $6)', values);
  return answerOf(Delivery.nullable(), rows);
}

const Listed = z.object({ seq: Big, delivery: Delivery });

/** Lists the deliveries of a hook, newest first. `before` is the last number of the previous page. */
export async function listDeliveries(
  db: Database,
  tenant: string,
  hook: string,
  { before = null, limit }: { before?: number | null; limit: number },
): Promise<(DeliveryRecord & { readonly seq: number })[]> {
  const sql = `SELECT d.seq, delivery_json(d) AS delivery FROM deliveries d
    WHERE d.tenant = $1 AND d.hook = $2 AND d.seq < coalesce($3::bigint, 9223372036854775807) ORDER BY d.seq DESC LIMIT $4`;
  const rows = await db.call(tenant, sql, [tenant, hook, before, limit]);
  return allRows(Listed, rows).map(({ seq, delivery }) => ({ seq, ...delivery }));
}

const Numbered = z.object({ tenant: z.string(), hook: z.string(), delivery: z.string(), seq: Big });
export type NumberedDelivery = z.infer<typeof Numbered>;

/**
 * Lists the deliveries of all tenants that have not ended, in the order of their arrival. `after` is the last number
 * of the previous page.
 */
export async function listUnendedDeliveries(
  db: Database,
  { olderThan, limit, after = 0 }: { olderThan: number; limit: number; after?: number },
): Promise<NumberedDelivery[]> {
  const sql = 'SELECT tenant, hook, delivery, seq FROM unended_deliveries($1, $2, $3)';
  return allRows(Numbered, await db.platform(sql, [at(olderThan), after, limit]));
}

/**
 * Lists the deliveries of all tenants that have commit statuses to send. They are in the order in which the statuses
 * were created. `after` is the last number of the previous page.
 */
export async function listWaitingReports(
  db: Database,
  { limit, after = 0 }: { limit: number; after?: number },
): Promise<NumberedDelivery[]> {
  const sql = 'SELECT tenant, hook, delivery, seq FROM waiting_reports($1, $2)';
  return allRows(Numbered, await db.platform(sql, [after, limit]));
}
