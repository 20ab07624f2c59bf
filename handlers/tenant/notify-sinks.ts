import type { Context } from '@restatedev/restate-sdk';

import { sinkKey } from '@pointsman/protocol/sinks/sink';
import type { SinkNotifications } from '../ports/moves.ts';
import { Sink } from '../contract/sink.ts';

/**
 * Notifies the sinks of a move, without waiting for them. The transaction of the move has returned the list.
 * If the handler is killed before this call, the sweep finds the sinks with due moves.
 */
export function notifySinks(ctx: Context, { sinksToNotify }: SinkNotifications): void {
  for (const notification of sinksToNotify) ctx.sendClient(Sink, sinkKey(notification)).deliver(notification);
}
