import { z } from 'zod';

import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { QuotaExceeded } from '@pointsman/protocol/quota';
import { type Broker, SinkKind } from '@pointsman/protocol/sinks/sink';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Big, Iso, json, oneRow } from '../rows.ts';

const Row = z.object({
  sink: z.string(),
  kind: SinkKind,
  /** The URL of a webhook; null for a broker. The following secrets are encrypted, and are also null for a broker. */
  url: z.string().nullable(),
  secret: z.string().nullable(),
  previousSecret: z.string().nullable(),
  previousUntil: Iso.nullable(),
  deliveredSeq: Big,
  deliveredAt: Iso.nullable(),
  failures: Big,
  failingSince: Iso.nullable(),
  lastError: z.string().nullable(),
  retryAt: Iso.nullable(),
  pausedBy: z.string().nullable(),
  pausedAt: Iso.nullable(),
  pauseReason: z.string().nullable(),
  createdBy: z.string(),
  createdAt: Iso,
});

/** A sink of one tenant as it is stored. Its secrets are encrypted. */
export type SinkRecord = z.infer<typeof Row>;

const HEALTH = `coalesce(h.failures, 0) AS failures, h.failing_since AS "failingSince", h.last_error AS "lastError", h.retry_at AS "retryAt"`;

const SINKS = `SELECT k.sink, k.kind, k.url, k.secret, k.previous_secret AS "previousSecret", k.previous_until AS "previousUntil",
  k.delivered_seq AS "deliveredSeq", k.delivered_at AS "deliveredAt", ${HEALTH},
  k.paused_by AS "pausedBy", k.paused_at AS "pausedAt", k.pause_reason AS "pauseReason", k.created_by AS "createdBy", k.created_at AS "createdAt"
  FROM sinks k LEFT JOIN LATERAL sink_health(k.tenant, k.sink) h ON true`;

export async function findSink(db: Database, tenant: string, sink: string): Promise<SinkRecord | null> {
  const sql = `${SINKS} WHERE k.tenant = $1 AND k.sink = $2`;
  return allRows(Row, await db.call(tenant, sql, [tenant, sink]))[0] ?? null;
}

/** Lists all sinks of a tenant by name. A tenant has only a few sinks, so the list is not split into pages. */
export async function listSinks(db: Database, tenant: string): Promise<SinkRecord[]> {
  const sql = `${SINKS} WHERE k.tenant = $1 ORDER BY k.sink`;
  return allRows(Row, await db.call(tenant, sql, [tenant]));
}

const Health = Row.pick({ failures: true, failingSince: true, lastError: true, retryAt: true });
export type SinkHealth = z.infer<typeof Health>;

/**
 * Returns the health of a broker for a tenant. The broker may not have a row for this tenant yet, because the row is
 * created with the first move.
 */
export async function findBrokerHealth(db: Database, tenant: string, broker: Broker): Promise<SinkHealth> {
  const sql = `SELECT ${HEALTH} FROM (SELECT) AS one LEFT JOIN LATERAL sink_health($1, $2) h ON true`;
  return oneRow(Health, await db.call(tenant, sql, [tenant, broker]));
}

const FeedEndRow = z.object({ seq: Big });

/**
 * Returns the feed number of the tenant's last move. It is 0 before the first move. Returns null if the tenant does
 * not exist.
 */
export async function findFeedEnd(db: Database, tenant: string): Promise<number | null> {
  const rows = await db.call(tenant, 'SELECT feed_seq AS seq FROM tenants WHERE tenant = $1', [tenant]);
  return allRows(FeedEndRow, rows)[0]?.seq ?? null;
}

const Attempt = z.object({
  n: Big,
  seq: Big.nullable(),
  event: z.string(),
  delivered: z.boolean(),
  status: z.number().nullable(),
  summary: z.string(),
  tookMs: z.number(),
  at: Iso,
});
export type AttemptRecord = z.infer<typeof Attempt>;

/** Lists the delivery attempts of a webhook, newest first. `before` is the last number of the previous page. */
export async function listAttempts(
  db: Database,
  tenant: string,
  sink: string,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<AttemptRecord[]> {
  const sql = `SELECT n, seq, event, delivered, status, summary, took_ms AS "tookMs", at FROM webhook_attempts
    WHERE tenant = $1 AND sink = $2 AND n < $3 ORDER BY n DESC LIMIT $4`;
  const values = [tenant, sink, before ?? Number.MAX_SAFE_INTEGER, limit];
  return allRows(Attempt, await db.call(tenant, sql, values));
}

interface ChangeSink {
  readonly tenant: string;
  readonly sink: string;
  /**
   * The time after a change of the secret during which deliveries are signed with both the previous and the new
   * secret, in milliseconds.
   */
  readonly rotationMs: number;
  readonly by: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly requestId: string;
  readonly at: number;
}

export interface PutSink extends ChangeSink {
  readonly url: string;
  /** The origin of the URL. The audit log contains only this part of the URL, because the rest may contain secrets. */
  readonly origin: string;
  /** The new secret, encrypted. Null keeps the current secret. */
  readonly secret: string | null;
  /** A generated secret, encrypted. It is used if the webhook is new and `secret` is null. */
  readonly madeSecret: string;
}

const PutAnswer = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('saved'),
    created: z.boolean(),
    /**
     * Whether the webhook uses `madeSecret`. If the request was replayed, this refers to the secret of the first
     * request.
     */
    secretMade: z.boolean(),
    replayed: z.boolean(),
  }),
  z.object({ kind: z.literal('no_tenant') }),
  KeyReused,
  QuotaExceeded,
]);

/** Creates or replaces a webhook. For details see `put_sink` in functions/sinks.sql. */
export async function putSink(
  db: Database,
  { tenant, at: epochMs, ...request }: PutSink,
): Promise<z.infer<typeof PutAnswer>> {
  const rows = await db.answer(tenant, 'put_sink($1, $2::jsonb, $3)', [json(request), at(epochMs)]);
  return answerOf(PutAnswer, rows);
}

export interface RotateSink extends ChangeSink {
  /** The new secret, encrypted. */
  readonly secret: string;
}

const RotateAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('rotated'), replayed: z.boolean() }),
  z.object({ kind: z.literal('no_sink') }),
  KeyReused,
]);

export async function rotateSink(
  db: Database,
  { tenant, at: epochMs, ...request }: RotateSink,
): Promise<z.infer<typeof RotateAnswer>> {
  const rows = await db.answer(tenant, 'rotate_sink($1, $2::jsonb, $3)', [json(request), at(epochMs)]);
  return answerOf(RotateAnswer, rows);
}

/** Deletes a webhook. @returns false if the webhook does not exist */
export async function deleteSink(
  db: Database,
  tenant: string,
  sink: string,
  { by, requestId, at: epochMs }: { by: string; requestId: string; at: number },
): Promise<boolean> {
  const rows = await db.answer(tenant, 'delete_sink($1, $2, $3, $4, $5)', [sink, by, requestId, at(epochMs)]);
  return answerOf(z.boolean(), rows);
}
