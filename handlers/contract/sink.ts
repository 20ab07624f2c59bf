import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { Digest, SinkName, TenantName } from '@pointsman/protocol/identifiers';

/** Messages of the Sink object. The rules of contract/tenant.ts apply here too. */

const OfSink = z.object({ tenant: TenantName, sink: SinkName });
const Seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The fields of every request: the author, and the key that identifies a repeated request. */
const Request = OfSink.extend({
  by: z.string(),
  idempotencyKey: z.string(),
  fingerprint: Digest,
  requestId: z.string(),
});

/** Notifies a writer that moves are due, at least up to this number of the tenant's feed. */
export const SinkNotification = OfSink.extend({
  seq: Seq,
  /**
   * Set when the writer sends this message to itself for a retry: the number of failures so far. The writer
   * retries even if its clock is still before the stored retry time.
   */
  retry: z.number().int().min(1).optional(),
  /**
   * Tells the writer to read the database even if its state shows no due moves. Set by the sweep, and after a
   * change to the sink in the database.
   */
  readRecord: z.boolean().optional(),
  /** Tells the writer to retry before the end of its wait, because the broker has just accepted a probe. */
  now: z.boolean().optional(),
});
export type SinkNotification = z.infer<typeof SinkNotification>;

const NoSink = z.object({ kind: z.literal('no_sink') });

export const ControlRequest = Request.extend({
  control: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('pause'), reason: z.string().nullable() }),
    z.object({ kind: z.literal('resume') }),
    /** Delivers the moves after this number again. */
    z.object({ kind: z.literal('replay'), after: Seq }),
  ]),
});
export type ControlRequest = z.infer<typeof ControlRequest>;

export const ControlResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), replayed: z.boolean() }),
  /** The given number is higher than the number of the latest move in the feed. */
  z.object({ kind: z.literal('ahead'), latest: Seq }),
  /** The feed no longer contains all moves after the given number. */
  z.object({ kind: z.literal('expired'), oldest: Seq, latest: Seq }),
  NoSink,
  KeyReused,
]);
export type ControlResult = z.infer<typeof ControlResult>;

/** A request to send one event, once, without a change to the cursor. */
export const SendRequest = OfSink.extend({
  what: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('test') }),
    z.object({ kind: z.literal('move'), seq: Seq }),
  ]),
  by: z.string(),
  requestId: z.string(),
});
export type SendRequest = z.infer<typeof SendRequest>;

export const SendResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('sent'), event: z.string() }),
  /** The target rejected the event, or the outcome is unknown. */
  z.object({ kind: z.literal('not_sent'), event: z.string(), reason: z.string() }),
  z.object({ kind: z.literal('no_move') }),
  NoSink,
]);
export type SendResult = z.infer<typeof SendResult>;

/** A sink that fails its health check, and the reason. */
export const DownSink = z.object({
  sink: SinkName,
  why: z.string(),
  /**
   * True if the broker is down for every tenant of the partition. In that case, the partition's writer
   * notifies the waiting releases.
   */
  shared: z.boolean().optional(),
});
export type DownSink = z.infer<typeof DownSink>;

/**
 * Registers a release that waits for a broker, with the awakeable of its workflow and the end of the wait.
 */
export const HealthWait = OfSink.extend({ awakeableId: z.string(), untilMs: z.number().int() });
export type HealthWait = z.infer<typeof HealthWait>;

/**
 * Virtual object with one writer per key: tenant/sink for a webhook, broker:partition for a shared stream
 * (see `sinkKey`). Delivers moves in order, from one stored cursor per tenant. `checkHealth` checks the sink
 * without waiting behind deliveries. `awaitHealth` registers a release that waits for a broker. The writer
 * sends `probe` to itself to check the broker again.
 */
export const Sink = iface.object('Sink', {
  deliver: iface.schemas({ input: SinkNotification, output: z.null() }),
  control: iface.schemas({ input: ControlRequest, output: ControlResult }),
  send: iface.schemas({ input: SendRequest, output: SendResult }),
  awaitHealth: iface.schemas({ input: HealthWait, output: z.null() }),
  probe: iface.schemas({ input: OfSink, output: z.null() }),
  checkHealth: iface.shared.schemas({ input: OfSink, output: z.array(DownSink) }),
});
