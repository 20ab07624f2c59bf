import type { Context } from '@restatedev/restate-sdk';

import { sinkKey } from '@pointsman/protocol/sinks/sink';
import type { SinkNotifications } from '../ports/moves.ts';
import { Sink } from '../contract/sink.ts';

/**
 * Notifies the sinks of a move, without waiting for them. The list of sinks is a result of the transaction
 * that moved the pointer. If the handler is killed before this call, the worker's periodic sweep finds the
 * undelivered move.
 */
export function notifySinks(ctx: Context, { sinksToNotify }: SinkNotifications): void {
  for (const notification of sinksToNotify) ctx.sendClient(Sink, sinkKey(notification)).deliver(notification);
}
