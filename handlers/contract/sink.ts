import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { Digest, SinkName, TenantName } from '@pointsman/protocol/identifiers';

/** Messages of the Sink object. The compatibility rules at the top of contract/tenant.ts apply to them. */

const OfSink = z.object({ tenant: TenantName, sink: SinkName });
const Seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The fields of every request: the author of the request, and the key that identifies a repeated request. */
const Request = OfSink.extend({
  by: z.string(),
  idempotencyKey: z.string(),
  fingerprint: Digest,
  requestId: z.string(),
});

/**
 * Notifies the writer of a sink that moves are waiting for delivery, up to the sequence number `seq` of the
 * tenant's feed or further.
 */
export const SinkNotification = OfSink.extend({
  seq: Seq,
  /**
   * The number of failed attempts so far. Set only when the writer sends this message to itself for a retry.
   * With this number the writer retries even if its clock has not reached the stored retry time.
   */
  retry: z.number().int().min(1).optional(),
  /**
   * If true, the writer reads the database even if its own state shows no move to deliver. Set by the
   * worker's periodic sweep, and after the sink was changed in the database.
   */
  readRecord: z.boolean().optional(),
  /**
   * If true, the writer retries immediately instead of at the stored retry time. Set when the broker has just
   * responded to a probe.
   */
  now: z.boolean().optional(),
});
export type SinkNotification = z.infer<typeof SinkNotification>;

const NoSink = z.object({ kind: z.literal('no_sink') });

export const ControlRequest = Request.extend({
  control: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('pause'), reason: z.string().nullable() }),
    z.object({ kind: z.literal('resume') }),
    /** Delivers all moves with a higher sequence number than `after` again. */
    z.object({ kind: z.literal('replay'), after: Seq }),
  ]),
});
export type ControlRequest = z.infer<typeof ControlRequest>;

export const ControlResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), replayed: z.boolean() }),
  /** `after` is higher than the sequence number of the latest move in the feed. */
  z.object({ kind: z.literal('ahead'), latest: Seq }),
  /** The feed no longer contains all moves after `after`, because the older ones have expired. */
  z.object({ kind: z.literal('expired'), oldest: Seq, latest: Seq }),
  NoSink,
  KeyReused,
]);
export type ControlResult = z.infer<typeof ControlResult>;

/**
 * A request to send one event immediately. The cursor, which records the delivered moves, does not change.
 */
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
  /** The target rejected the event, or it is unknown whether the event arrived. */
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
   * True if the broker is down for every tenant of its partition. The partition's writer then notifies the
   * waiting releases when the broker recovers.
   */
  shared: z.boolean().optional(),
});
export type DownSink = z.infer<typeof DownSink>;

/**
 * Registers a release that waits for a broker to recover. `awakeableId` is the awakeable of the release's
 * workflow, and `untilMs` is the end of its wait.
 */
export const HealthWait = OfSink.extend({ awakeableId: z.string(), untilMs: z.number().int() });
export type HealthWait = z.infer<typeof HealthWait>;

/**
 * Virtual object. Each key has exactly one writer: tenant/sink for a webhook, broker:partition for a shared
 * stream (see `sinkKey`). `deliver` delivers moves in order, from one stored cursor per tenant. `checkHealth`
 * is a shared handler, so it does not wait behind deliveries. `awaitHealth` registers a release that waits
 * for a broker to recover. The writer sends `probe` to itself, to check the broker again later.
 */
export const Sink = iface.object('Sink', {
  deliver: iface.schemas({ input: SinkNotification, output: z.null() }),
  control: iface.schemas({ input: ControlRequest, output: ControlResult }),
  send: iface.schemas({ input: SendRequest, output: SendResult }),
  awaitHealth: iface.schemas({ input: HealthWait, output: z.null() }),
  probe: iface.schemas({ input: OfSink, output: z.null() }),
  checkHealth: iface.shared.schemas({ input: OfSink, output: z.array(DownSink) }),
});
