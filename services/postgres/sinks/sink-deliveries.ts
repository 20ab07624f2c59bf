import { z } from 'zod';

import { feedLimits } from '@pointsman/protocol/limits';
import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { Digest } from '@pointsman/protocol/identifiers';
import type { RecordedMove } from '@pointsman/protocol/moves/move-event';
import { type Broker, partitionOf, type SinkId } from '@pointsman/protocol/sinks/sink';
import { pausedText, SinkPause } from '../../../core/texts/sink-texts.ts';
import { SinkNotification, ControlResult, type ControlRequest } from '../../../handlers/contract/sink.ts';
import type { Failing, Controlled } from '../../../handlers/ports/sinks.ts';
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
    /** The database's clock, epoch milliseconds. A try that begins afterwards proves health from then on. */
    openedMs: z.number(),
    /** Up to that number nothing is due. */
    start: z.number(),
    /** The same as the record has it; null before there is a row. */
    onRecord: z.number().nullable(),
    latest: z.number(),
    /** Who has paused it, and why. */
    paused: SinkPause.transform(pausedText).nullable(),
    /** A webhook's. The secrets are sealed. */
    url: z.string().nullable(),
    secret: z.string().nullable(),
    previousSecret: z.string().nullable(),
    previousUntil: z.string().nullable(),
    failures: z.number(),
    /** The failures are the broker's, and so of all tenants of its partition. */
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
 * A sink with what is due to it, at most `most` moves; null where there is none.
 *
 * @param options.known up to which number all is delivered, for a sink that the record does not know yet
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

/** What is older is told to nobody. */
function sinceOf(nowMs: number): Date {
  return at(nowMs - feedLimits.retentionMs);
}

/** That move; null where the feed has no such number. */
export async function findMove(db: Database, tenant: string, seq: number): Promise<RecordedMove | null> {
  const move = answerOf(Move.nullable(), await db.answer(tenant, 'find_move($1, $2)', [seq]));
  return move === null ? null : { tenant, ...move };
}

/** A try at a webhook. */
export interface AttemptNote {
  /** Null for a test. */
  readonly seq: number | null;
  /** The event's id. */
  readonly event: string;
  readonly delivered: boolean;
  /** Null without an answer. */
  readonly status: number | null;
  readonly summary: string;
  readonly tookMs: number;
}

interface SinkFailure extends Failing {
  readonly reason: string;
  /** The sink itself fails; of a broker, for all tenants of the partition. False where only this tenant's events are not taken. */
  readonly whole: boolean;
}

export interface DeliveryNote extends SinkId {
  readonly start: number;
  /** Up to that number all has arrived. */
  readonly seq: number;
  readonly failed: SinkFailure | null;
  /**
   * A time of the database's clock before the try began ({@link OpenedSink}), if the try shows that the sink takes events; null where nothing
   * was sent, or nothing answered.
   */
  readonly provenMs: number | null;
  /** Why nobody tries again; null while somebody does. */
  readonly pause: string | null;
  readonly attempts: readonly AttemptNote[];
  readonly at: number;
}

/** What has become of what was due: see `record_delivery` in functions/sink-deliveries.sql. */
export async function recordDelivery(
  db: Database,
  { tenant, at: nowMs, ...note }: DeliveryNote,
): Promise<void> {
  const values = [json({ ...note, keep: sinkLimits.attemptsKept }), at(nowMs)];
  await db.answer(tenant, 'record_delivery($1, $2::jsonb, $3)', values);
}

export interface LookNote extends SinkId {
  readonly start: number;
  /** Why it is not well; null when it is. */
  readonly failed: string | null;
  /** As in {@link SinkFailure}. */
  readonly whole: boolean;
  /** A time of the database's clock before the look began. */
  readonly provenMs: number;
  readonly retryAtMs: number | null;
  readonly attempts: readonly AttemptNote[];
  /** Who asked for it, for the audit; null for nobody. */
  readonly asked: {
    readonly by: string;
    readonly action: 'test sink' | 'redeliver move';
    readonly event: string;
    readonly requestId: string;
  } | null;
  readonly at: number;
}

/** What one event outside of the deliveries has shown of a sink: see `record_look` in functions/sink-deliveries.sql. */
export async function recordLook(
  db: Database,
  { tenant, at: nowMs, asked, ...note }: LookNote,
): Promise<void> {
  const values = [json({ ...note, ...asked, keep: sinkLimits.attemptsKept }), at(nowMs)];
  await db.answer(tenant, 'record_look($1, $2::jsonb, $3)', values);
}

export interface ProbeNote {
  readonly broker: Broker;
  readonly partition: number;
  /** Why the broker takes nothing; null when it would take a move. */
  readonly failed: string | null;
  /** A time of the database's clock before the probe began: see {@link databaseTimeMs}. */
  readonly provenMs: number;
  /** When it is tried again. */
  readonly retryAtMs: number | null;
  readonly at: number;
}

/**
 * The time by the database's clock, in epoch milliseconds. Proofs of health are dated by it and compared with it, so that neither clocks that
 * differ between workers nor a wait for a connection make an old proof look new.
 */
export async function databaseTimeMs(db: Database): Promise<number> {
  return answerOf(Big, await db.platform('SELECT epoch_ms(clock_timestamp()) AS answer', []));
}

/**
 * Records for all tenants of a partition what a probe has shown of its broker: see `record_probe` in functions/sink-deliveries.sql.
 *
 * @returns why the partition fails after it; null when it is well. One that takes the probe fails until the moves that are due have arrived
 */
export async function recordProbe(
  db: Database,
  { broker, partition, at: nowMs, ...note }: ProbeNote,
): Promise<string | null> {
  const sql = 'SELECT record_probe($1, $2, $3, $4) AS answer';
  return answerOf(z.string().nullable(), await db.platform(sql, [broker, partition, json(note), at(nowMs)]));
}

const [Done, ...Refused] = ControlResult.options;
const SteeredRow = z.discriminatedUnion('kind', [
  Done.extend({ seq: z.number(), latest: z.number() }),
  ...Refused,
]);

export async function steerSink(
  db: Database,
  { tenant, at: nowMs, ...request }: ControlRequest & { at: number },
): Promise<Controlled> {
  const action = `${request.steer.kind} sink`;
  const values = [json({ ...request, action, since: sinceOf(nowMs) }), at(nowMs)];
  return answerOf(SteeredRow, await db.answer(tenant, 'steer_sink($1, $2::jsonb, $3)', values));
}

const Behind = z.object({ last: z.string().nullable(), behind: z.array(SinkNotification) });

/**
 * Of the next tenants, the sinks that should be at work; `last` is where to go on, null at the end.
 *
 * @param options.brokers those that somebody delivers to
 * @param options.movedBefore what has moved since is on its way
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

/** Tenants of that one's stream to which something is due. */
export async function listStreamBehind(
  db: Database,
  tenant: string,
  broker: Broker,
): Promise<SinkNotification[]> {
  const sql = 'SELECT tenant, seq FROM stream_behind($1, $2, $3)';
  const rows = await db.platform(sql, [broker, partitionOf(tenant), sinkLimits.othersWoken]);
  return allRows(TenantRow, rows).map((row) => ({ ...row, sink: broker }));
}
