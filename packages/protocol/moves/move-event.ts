import { z } from 'zod';

import {
  BundleName,
  ChannelName,
  correlationId,
  Digest,
  Generation,
  type PointerId,
  TenantName,
  Version,
} from '../identifiers.ts';
import { pathOf, paths } from '../paths.ts';

/** The `type` of every event for a move. */
export const MOVED = 'pointsman.pointer.moved';

const End = z.object({ version: Version, digest: Digest });

/**
 * A move of a pointer, and its position in the feed of its tenant. `from` is null for the first move of the
 * pointer.
 */
export const MoveData = z.object({
  tenant: TenantName,
  bundle: BundleName,
  channel: ChannelName,
  generation: Generation.min(1),
  /**
   * The sequence number of the move in the tenant's feed. The numbers have no gaps, so a reader that sees a
   * gap has missed moves.
   */
  seq: z.number().int().min(1),
  from: End.nullable(),
  to: End,
  /** The correlation ID of the release to which the pointer moved. */
  correlationId: z.string(),
});
export type MoveData = z.infer<typeof MoveData>;

/**
 * A move as a CloudEvent (CloudEvents 1.0.2, JSON event format). The feed and every sink contain the same
 * event.
 */
export const MoveEvent = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.literal(MOVED),
  subject: z.string(),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  data: MoveData,
});
export type MoveEvent = z.infer<typeof MoveEvent>;

/** A move as the database stores it. */
export interface RecordedMove extends PointerId {
  readonly generation: number;
  readonly seq: number;
  readonly from: { readonly version: number; readonly digest: string } | null;
  readonly to: { readonly version: number; readonly digest: string };
  /** The time of the move, in ISO 8601. */
  readonly movedAt: string;
}

/** Returns the event of a move. The same move always gives the same event, byte for byte. */
export function moveEvent(move: RecordedMove): MoveEvent {
  const { tenant, bundle, channel, generation, seq, from, to, movedAt } = move;
  return {
    specversion: '1.0',
    id: moveEventId(move),
    source: pathOf(paths.tenant, { tenant }),
    type: MOVED,
    subject: `${tenant}/${bundle}/${channel}`,
    time: movedAt,
    datacontenttype: 'application/json',
    data: {
      tenant,
      bundle,
      channel,
      generation,
      seq,
      from,
      to,
      correlationId: correlationId({ tenant, bundle, version: to.version }),
    },
  };
}

/** Returns the event ID of a move, for example `acme:support-bot:live:17`. */
export function moveEventId(move: PointerId & { readonly generation: number }): string {
  return `${move.tenant}:${move.bundle}:${move.channel}:${move.generation}`;
}
