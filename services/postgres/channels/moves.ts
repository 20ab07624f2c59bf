import { z } from 'zod';

import { requestLimits } from '@pointsman/protocol/limits';
import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import type { Broker } from '@pointsman/protocol/sinks/sink';
import { BlockingSink, blockingSinkText } from '../../../core/texts/sink-texts.ts';
import type { SinkNotification } from '../../../handlers/contract/sink.ts';
import { HoldResult, MoveResult } from '../../../handlers/contract/tenant.ts';
import { type Moves, PointerMove } from '../../../handlers/ports/moves.ts';
import type { Database } from '../database.ts';
import { answerOf, at, json } from '../rows.ts';

/**
 * The sinks that prevent a move, each with an explanation. `known` is false if the only cause is an outdated health
 * check (`stale_health`). A new health check may then permit the move.
 */
const SinksDownRow = z
  .object({ kind: z.literal('sinks_down'), sinks: z.array(BlockingSink) })
  .transform(({ kind, sinks }) => ({
    kind,
    sinks: sinks.map((blocking) => ({
      sink: blocking.sink,
      why: blockingSinkText(blocking),
      known: blocking.cause !== 'stale_health',
    })),
  }));

const [Moved, ...NotMoved] = PointerMove.options;

/**
 * The result when a release tries to move its pointer. If the pointer moved, the SQL function `with_webhooks` has
 * added the names of the tenant's webhooks to the result.
 */
const ReleaseMoveRow = z.union([
  SinksDownRow,
  z.discriminatedUnion('kind', [
    Moved.omit({ sinksToNotify: true }).extend({ webhooks: z.array(z.string()) }),
    ...NotMoved,
  ]),
]);

/** The feed number of a move, and the names of the tenant's webhooks, which must be notified. */
const MoveNotice = z.object({ seq: z.number(), webhooks: z.array(z.string()) });

const HandMoveRow = z.intersection(
  z.union([SinksDownRow, MoveResult]),
  z.object({ notify: MoveNotice.optional() }),
);

/**
 * Moves pointers in the database. Each method is one transaction. A method that is called again with the same request
 * finds the move of the first call and does not move the pointer again.
 * @param options.brokers the brokers to which moves are delivered. The result of a move lists them together with the
 * webhooks, so that the journaled result contains all sinks to notify
 */
export function postgresMoves(
  db: Database,
  { brokers = [] }: { readonly brokers?: readonly Broker[] } = {},
): Moves {
  const notificationsOf = (
    tenant: string,
    { seq, webhooks }: z.infer<typeof MoveNotice>,
  ): SinkNotification[] => [...webhooks, ...brokers].map((sink) => ({ tenant, sink, seq }));
  return {
    async moveByRelease({ tenant, bundle, channel, version, expectedGeneration, at: epochMs }) {
      const healthMaxAge = `${sinkLimits.healthMaxAgeMs} milliseconds`;
      const values = [bundle, channel, version, expectedGeneration, at(epochMs), healthMaxAge];
      const call = 'with_webhooks($1, move_by_release($1, $2, $3, $4, $5, $6, $7))';
      const answer = answerOf(ReleaseMoveRow, await db.answer(tenant, call, values));
      if (answer.kind !== 'moved') return answer;
      const { webhooks, ...moved } = answer;
      const sinksToNotify = notificationsOf(tenant, { seq: moved.seq, webhooks });
      return sinksToNotify.length === 0 ? moved : { ...moved, sinksToNotify };
    },
    async moveByHand({ at: epochMs, ...request }) {
      const limits = {
        healthMaxAgeMs: sinkLimits.healthMaxAgeMs,
        channelLimit: requestLimits.channelsPerBundle,
      };
      const values = [json({ ...request, ...limits }), at(epochMs)];
      const rows = await db.answer(request.tenant, 'move_by_hand($2::jsonb, $3)', values);
      const { notify, ...answer } = answerOf(HandMoveRow, rows);
      const sinksToNotify = notify === undefined ? [] : notificationsOf(request.tenant, notify);
      return sinksToNotify.length === 0 ? answer : { ...answer, sinksToNotify };
    },
    async setHold({ at: epochMs, ...request }) {
      const values = [json(request), at(epochMs)];
      return answerOf(HoldResult, await db.answer(request.tenant, 'set_hold($2::jsonb, $3)', values));
    },
  };
}
