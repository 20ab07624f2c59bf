import { z } from 'zod';

import { feedLimits } from '@pointsman/protocol/limits';
import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { Digest } from '@pointsman/protocol/identifiers';
import type { RecordedMove } from '@pointsman/protocol/moves/move-event';
import { type Broker, partitionOf, type SinkId } from '@pointsman/protocol/sinks/sink';
import { pausedText, SinkPause } from '../../../core/texts/sink-texts.ts';
import { type ControlRequest, SinkNotification } from '../../../handlers/contract/sink.ts';
import { Controlled, type Failing } from '../../../handlers/ports/sinks.ts';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Big, json } from '../rows.ts';

const End = z.object({ version: z.number(), digest: Digest });

const Move = z.object({
  bundle: z.string(),
  channel: z.string(),
  generation: z.number(),
  seq: z.number(),
  from: End.nullable(),
  to: End,
  movedAt: z.string(),
});

const Opened = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('open'),
    /**
     * The time of the database when the sink was read, in epoch milliseconds. An attempt that starts later and
     * succeeds proves that the sink was healthy after this time.
     */
    openedMs: z.number(),
    /** The feed number after which moves must be delivered. */
    start: z.number(),
    /**
     * The feed number of the last delivered move as stored in the sink's row. It is null if the sink has no row yet.
     */
    onRecord: z.number().nullable(),
    latest: z.number(),
    /** The reason for the pause, and who paused the sink. It is null if the sink is not paused. */
    paused: SinkPause.transform(pausedText).nullable(),
    /** The URL of a webhook; null for a broker. The following secrets are encrypted, and are also null for a broker. */
    url: z.string().nullable(),
    secret: z.string().nullable(),
    previousSecret: z.string().nullable(),
    previousUntil: z.string().nullable(),
    failures: z.number(),
    /** Whether the broker itself fails. The failures then apply to all tenants of its partition. */
    shared: z.boolean(),
    failingSinceMs: z.number().nullable(),
    retryAtMs: z.number().nullable(),
    lastError: z.string().nullable(),
    /** The channels whose policy requires this sink. */
    required: z.array(z.string()),
    moves: z.array(Move),
  }),
  z.object({ kind: z.literal('no_sink') }),
]);
export type OpenedSink = Extract<z.infer<typeof Opened>, { kind: 'open' }>;

/**
 * Reads the state of a sink, and at most `most` of the moves that must be delivered to it. Returns null if the sink
 * does not exist.
 * @param options.known the feed number up to which all moves are delivered; used if the sink has no row yet
 */
export async function openSink(
  db: Database,
  { tenant, sink }: SinkId,
  { known = null, most, nowMs }: { known?: number | null; most: number; nowMs: number },
): Promise<OpenedSink | null> {
  const values = [sink, known, sinceOf(nowMs), most];
  const opened = answerOf(Opened, await db.answer(tenant, 'open_sink($1, $2, $3, $4, $5)', values));
  return opened.kind === 'open' ? opened : null;
}

/** Returns the time before which a move is too old to be delivered. */
function sinceOf(nowMs: number): Date {
  return at(nowMs - feedLimits.retentionMs);
}

/** Finds the move with this feed number, or returns null if it does not exist. */
export async function findMove(db: Database, tenant: string, seq: number): Promise<RecordedMove | null> {
  const move = answerOf(Move.nullable(), await db.answer(tenant, 'find_move($1, $2)', [seq]));
  return move === null ? null : { tenant, ...move };
}

/** One attempt to deliver an event to a webhook. */
export interface AttemptRecord {
  /** The feed number of the move. It is null for a test event. */
  readonly seq: number | null;
  /** The ID of the event. */
  readonly event: string;
  readonly delivered: boolean;
  /** The HTTP status of the response. It is null if there was no response. */
  readonly status: number | null;
  readonly summary: string;
  readonly tookMs: number;
}

interface SinkFailure extends Failing {
  readonly reason: string;
  /**
   * Whether the sink as a whole fails. For a broker, the failure then applies to all tenants of the partition. It is
   * false if the sink refuses only an event of this tenant.
   */
  readonly whole: boolean;
}

export interface DeliveryRecord extends SinkId {
  readonly start: number;
  /** The feed number up to which all moves are delivered. */
  readonly seq: number;
  readonly failed: SinkFailure | null;
  /**
   * The time of the database before the attempt began, as in {@link OpenedSink}. It is recorded if the attempt proves
   * that the sink accepts events. It is null if nothing was sent, or if the sink did not respond.
   */
  readonly healthyAtMs: number | null;
  /** The reason to pause the sink, which ends the retries. It is null if delivery continues. */
  readonly pause: string | null;
  readonly attempts: readonly AttemptRecord[];
  readonly at: number;
}

/** Records the result of a delivery. For details see `record_delivery` in functions/sink-deliveries.sql. */
export async function recordDelivery(
  db: Database,
  { tenant, at: nowMs, ...record }: DeliveryRecord,
): Promise<void> {
  const values = [json({ ...record, keep: sinkLimits.attemptsKept }), at(nowMs)];
  await db.answer(tenant, 'record_delivery($1, $2::jsonb, $3)', values);
}

export interface SinkCheckRecord extends SinkId {
  readonly start: number;
  /** The reason why the sink is not healthy. It is null if the sink is healthy. */
  readonly failed: string | null;
  /** Whether the sink as a whole fails, as in {@link SinkFailure}. */
  readonly whole: boolean;
  /** The time of the database before the event was sent. */
  readonly healthyAtMs: number;
  readonly retryAtMs: number | null;
  readonly attempts: readonly AttemptRecord[];
  /** The caller who requested the event, for the audit log. It is null for an automatic health check. */
  readonly asked: {
    readonly by: string;
    readonly action: 'test sink' | 'redeliver move';
    readonly event: string;
    readonly requestId: string;
  } | null;
  readonly at: number;
}

/**
 * Records the result of an event that was sent as a test or a redelivery. For details see `record_sink_check` in
 * functions/sink-deliveries.sql.
 */
export async function recordSinkCheck(
  db: Database,
  { tenant, at: nowMs, asked, ...record }: SinkCheckRecord,
): Promise<void> {
  const values = [json({ ...record, ...asked, keep: sinkLimits.attemptsKept }), at(nowMs)];
  await db.answer(tenant, 'record_sink_check($1, $2::jsonb, $3)', values);
}

export interface ProbeRecord {
  readonly broker: Broker;
  readonly partition: number;
  /** The reason why the broker does not accept events. It is null if the broker accepts events. */
  readonly failed: string | null;
  /** The result of {@link databaseTimeMs} before the health check began. */
  readonly healthyAtMs: number;
  /** The time of the next attempt, in epoch milliseconds. */
  readonly retryAtMs: number | null;
  readonly at: number;
}

/**
 * Returns the time of the database in epoch milliseconds. All health checks use this clock. An old health check
 * therefore can't appear recent because the clocks of workers differ, or because a worker waited for a connection.
 */
export async function databaseTimeMs(db: Database): Promise<number> {
  return answerOf(Big, await db.platform('SELECT epoch_ms(clock_timestamp()) AS answer', []));
}

/**
 * Records a health check of a broker for all tenants of the partition. For details see `record_probe` in
 * functions/sink-deliveries.sql.
 * @returns the reason why the partition still fails, or null if it is healthy. A partition that has failed becomes
 * healthy only when its waiting moves are delivered
 */
export async function recordProbe(
  db: Database,
  { broker, partition, at: nowMs, ...record }: ProbeRecord,
): Promise<string | null> {
  const sql = 'SELECT record_probe($1, $2, $3, $4) AS answer';
  return answerOf(
    z.string().nullable(),
    await db.platform(sql, [broker, partition, json(record), at(nowMs)]),
  );
}

export async function controlSink(
  db: Database,
  { tenant, at: nowMs, ...request }: ControlRequest & { at: number },
): Promise<Controlled> {
  const action = `${request.control.kind} sink`;
  const values = [json({ ...request, action, since: sinceOf(nowMs) }), at(nowMs)];
  return answerOf(Controlled, await db.answer(tenant, 'control_sink($1, $2::jsonb, $3)', values));
}

const Behind = z.object({ last: z.string().nullable(), behind: z.array(SinkNotification) });

/**
 * Lists the sinks of the next page of tenants that have undelivered moves. `last` is the last tenant of this page,
 * after which the next page starts. It is null at the end.
 * @param options.brokers the brokers that this worker delivers to
 * @param options.movedBefore the time after which moves are ignored, because their delivery has just been started
 */
export async function listBehind(
  db: Database,
  {
    brokers,
    after,
    movedBefore,
    nowMs,
  }: { brokers: readonly Broker[]; after: string; movedBefore: number; nowMs: number },
): Promise<z.infer<typeof Behind>> {
  const sql = 'SELECT sinks_behind($1, $2, $3, $4, $5) AS answer';
  const values = [brokers, after, sinkLimits.sweptTenants, at(movedBefore), at(nowMs)];
  return answerOf(Behind, await db.platform(sql, values));
}

const TenantRow = z.object({ tenant: z.string(), seq: Big });

/** Lists the tenants of one shared stream of a broker that have undelivered moves. */
export async function listStreamBehind(
  db: Database,
  tenant: string,
  broker: Broker,
): Promise<SinkNotification[]> {
  const sql = 'SELECT tenant, seq FROM stream_behind($1, $2, $3)';
  const rows = await db.platform(sql, [broker, partitionOf(tenant), sinkLimits.othersNotified]);
  return allRows(TenantRow, rows).map((row) => ({ ...row, sink: broker }));
}
