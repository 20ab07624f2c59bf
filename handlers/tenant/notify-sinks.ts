import type { Context } from '@restatedev/restate-sdk';

import { sinkKey } from '../../core/sink.ts';
import type { SinkNotifications } from '../ports/deps.ts';
import { Sink } from '../contract/sink.ts';

/**
 * Tells the sinks of a move, one way, as its own step has listed them. One that is not told, because the one who would was killed, is found by
 * the sweep.
 */
export function notifySinks(ctx: Context, { wakes }: SinkNotifications): void {
  for (const wake of wakes) ctx.sendClient(Sink, sinkKey(wake)).deliver(wake);
}
