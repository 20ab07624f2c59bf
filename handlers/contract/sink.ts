import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { KeyReused } from '../../core/idempotency-key.ts';
import { Digest, SinkName, TenantName } from '../../core/identifiers.ts';

/** The names, keys and messages of whoever tells the world of moves: as contract.ts, which is long enough. */

const OfSink = z.object({ tenant: TenantName, sink: SinkName });
const Seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** As every request that somebody makes: who asked, and how a repeated one is known. */
const Request = OfSink.extend({
  by: z.string(),
  idempotencyKey: z.string(),
  fingerprint: Digest,
  requestId: z.string(),
});

/** There is something to deliver: at least everything up to that number of the tenant's feed. */
export const SinkWake = OfSink.extend({
  seq: Seq,
  /** The next try after so many failures, which the writer has sent itself: its time is there, whatever a clock says. */
  retry: z.number().int().min(1).optional(),
  /** The record is to be looked at, whatever the writer remembers: by the sweep, and after somebody has changed something there. */
  look: z.boolean().optional(),
  /** To be tried although the wait after a failure is not over: the broker has just taken a probe. */
  now: z.boolean().optional(),
});
export type SinkWake = z.infer<typeof SinkWake>;

const NoSink = z.object({ kind: z.literal('no_sink') });

export const ControlRequest = Request.extend({
  steer: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('pause'), reason: z.string().nullable() }),
    z.object({ kind: z.literal('resume') }),
    /** Deliver once more what comes after that number. */
    z.object({ kind: z.literal('replay'), after: Seq }),
  ]),
});
export type ControlRequest = z.infer<typeof ControlRequest>;

export const ControlResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), replayed: z.boolean() }),
  /** The feed has not come so far. */
  z.object({ kind: z.literal('ahead'), latest: Seq }),
  /** What comes after it is no longer told. */
  z.object({ kind: z.literal('expired'), oldest: Seq, latest: Seq }),
  NoSink,
  KeyReused,
]);
export type ControlResult = z.infer<typeof ControlResult>;

/** One event, once, beside the cursor. */
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
  /** Nobody took it, or nobody knows. */
  z.object({ kind: z.literal('not_sent'), event: z.string(), reason: z.string() }),
  z.object({ kind: z.literal('no_move') }),
  NoSink,
]);
export type SendResult = z.infer<typeof SendResult>;

/** A sink that can't be counted on, in words. */
export const DownSink = z.object({
  sink: SinkName,
  why: z.string(),
  /** The broker itself is down, for all tenants of the partition: its writer wakes whoever waits for it. */
  shared: z.boolean().optional(),
});
export type DownSink = z.infer<typeof DownSink>;

/** A release that waits for a broker: the awakeable that its workflow waits on, and until when it does. */
export const HealthWait = OfSink.extend({ awakeableId: z.string(), untilMs: z.number().int() });
export type HealthWait = z.infer<typeof HealthWait>;

/**
 * Virtual object, key = that of the one writer: tenant/sink for a webhook, broker:partition for a shared stream (see `sinkKey`). Delivers moves in
 * order, from the cursor that it keeps for each tenant. `prove` looks whether it is well, which waits for nobody. `awaitHealth` registers a release that
 * waits for a broker, and `probe` is the message by which the writer looks again.
 */
export const Sink = iface.object('Sink', {
  deliver: iface.schemas({ input: SinkWake, output: z.null() }),
  control: iface.schemas({ input: ControlRequest, output: ControlResult }),
  send: iface.schemas({ input: SendRequest, output: SendResult }),
  awaitHealth: iface.schemas({ input: HealthWait, output: z.null() }),
  probe: iface.schemas({ input: OfSink, output: z.null() }),
  checkHealth: iface.shared.schemas({ input: OfSink, output: z.array(DownSink) }),
});
