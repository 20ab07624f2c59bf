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
    /** The database's time, in epoch milliseconds. If an attempt that begins later succeeds, the sink was healthy at this time. */
    openedMs: z.number(),
    /** Moves up to this feed number are not due. */
    start: z.number(),
    /** The recorded feed number; null if the sink has no row yet. */
    onRecord: z.number().nullable(),
    latest: z.number(),
    /** Who paused the sink, and why. */
    paused: SinkPause.transform(pausedText).nullable(),
    /** For webhooks only. The secrets are sealed. */
    url: z.string().nullable(),
    secret: z.string().nullable(),
    previousSecret: z.string().nullable(),
    previousUntil: z.string().nullable(),
    failures: z.number(),
    /** Whether the failures are the broker's, and so affect all tenants of its partition. */
    shared: z.boolean(),
    failingSinceMs: z.number().nullable(),
    retryAtMs: z.number().nullable(),
    lastError: z.string().nullable(),
    /** Channels whose policy requires this sink. */
    required: z.array(z.string()),
    moves: z.array(Move),
  }),
  z.object({ kind: z.literal('no_sink') }),
]);
export type OpenedSink = Extract<z.infer<typeof Opened>, { kind: 'open' }>;

/**
 * Reads the state of a sink and at most `most` of its due moves; null if the sink does not exist.
 *
 * @param options.known the feed number up to which all moves are delivered, for a sink without a row
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

/** The time before which moves are too old to be delivered. */
function sinceOf(nowMs: number): Date {
  return at(nowMs - feedLimits.retentionMs);
}

/** Finds the move with this feed number; null if it does not exist. */
export async function findMove(db: Database, tenant: string, seq: number): Promise<RecordedMove | null> {
  const move = answerOf(Move.nullable(), await db.answer(tenant, 'find_move($1, $2)', [seq]));
  return move === null ? null : { tenant, ...move };
}

/** An attempt to deliver to a webhook. */
export interface AttemptRecord {
  /** Null for a test event. */
  readonly seq: number | null;
  /** The event's id. */
  readonly event: string;
  readonly delivered: boolean;
  /** Null without a response. */
  readonly status: number | null;
  readonly summary: string;
  readonly tookMs: number;
}

interface SinkFailure extends Failing {
  readonly reason: string;
  /** Whether the sink itself fails. A broker then fails for all tenants of the partition. False if it refuses only this tenant's events. */
  readonly whole: boolean;
}

export interface DeliveryRecord extends SinkId {
  readonly start: number;
  /** All moves up to this feed number are delivered. */
  readonly seq: number;
  readonly failed: SinkFailure | null;
  /**
   * The database's time before the attempt began (see {@link OpenedSink}), if the attempt shows that the sink accepts events. Null if
   * nothing was sent, or if the sink did not respond.
   */
  readonly healthyAtMs: number | null;
  /** The reason to pause the sink, which stops retries; null to continue. */
  readonly pause: string | null;
  readonly attempts: readonly AttemptRecord[];
  readonly at: number;
}

/** Records the result of a delivery: see `record_delivery` in functions/sink-deliveries.sql. */
export async function recordDelivery(
  db: Database,
  { tenant, at: nowMs, ...record }: DeliveryRecord,
): Promise<void> {
  const values = [json({ ...record, keep: sinkLimits.attemptsKept }), at(nowMs)];
  await db.answer(tenant, 'record_delivery($1, $2::jsonb, $3)', values);
}

export interface SinkCheckRecord extends SinkId {
  readonly start: number;
  /** Why the sink is not healthy; null if it is. */
  readonly failed: string | null;
  /** See {@link SinkFailure}. */
  readonly whole: boolean;
  /** The database's time before the event was sent. */
  readonly healthyAtMs: number;
  readonly retryAtMs: number | null;
  readonly attempts: readonly AttemptRecord[];
  /** The caller who requested the event, for the audit; null for an automatic check. */
  readonly asked: {
    readonly by: string;
    readonly action: 'test sink' | 'redeliver move';
    readonly event: string;
    readonly requestId: string;
  } | null;
  readonly at: number;
}

/** Records the result of one event outside the regular deliveries: see `record_sink_check` in functions/sink-deliveries.sql. */
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
  /** Why the broker does not accept events; null if it would accept a move. */
  readonly failed: string | null;
  /** The time of {@link databaseTimeMs}, read before the health check began. */
  readonly healthyAtMs: number;
  /** The time of the next attempt. */
  readonly retryAtMs: number | null;
  readonly at: number;
}

/**
 * The database's time, in epoch milliseconds. Health checks are recorded with this clock and compared with it. So an old health check can't
 * appear recent, even if the clocks of workers differ or a worker waits for a connection.
 */
export async function databaseTimeMs(db: Database): Promise<number> {
  return answerOf(Big, await db.platform('SELECT epoch_ms(clock_timestamp()) AS answer', []));
}

/**
 * Records a health check of a broker for all tenants of the partition: see `record_probe` in functions/sink-deliveries.sql.
 *
 * @returns why the partition still fails; null if it is healthy. A failing partition stays failing until its due moves are delivered
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
 * Lists the sinks that should be delivering moves, for the next page of tenants. `last` is the start of the next page; null at the end.
 *
 * @param options.brokers the brokers that have a writer
 * @param options.movedBefore ignores later moves, which are already being delivered
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

/** Lists the tenants of a stream that have due moves. */
export async function listStreamBehind(
  db: Database,
  tenant: string,
  broker: Broker,
): Promise<SinkNotification[]> {
  const sql = 'SELECT tenant, seq FROM stream_behind($1, $2, $3)';
  const rows = await db.platform(sql, [broker, partitionOf(tenant), sinkLimits.othersNotified]);
  return allRows(TenantRow, rows).map((row) => ({ ...row, sink: broker }));
}
