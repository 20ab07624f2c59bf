import { z } from 'zod';

import { requestLimits } from '@pointsman/protocol/limits';
import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import type { Broker } from '@pointsman/protocol/sinks/sink';
import { SinkBar, sinkBarText } from '../../../core/texts/sink-texts.ts';
import { HoldResult, MoveResult, SwapResult } from '../../../handlers/contract/tenant.ts';
import type { Moves } from '../../../handlers/ports/deps.ts';
import type { SinkNotification } from '../../../handlers/contract/sink.ts';
import type { Database } from '../database.ts';
import { answerOf, at, json } from '../rows.ts';

/** The sinks that block a move, with a text for each. Another health check may clear those that are only `unproven`. */
const SinksDownRow = z
  .object({ kind: z.literal('sinks_down'), sinks: z.array(SinkBar) })
  .transform(({ kind, sinks }) => ({
    kind,
    sinks: sinks.map((bar) => ({ sink: bar.sink, why: sinkBarText(bar), known: bar.cause !== 'unproven' })),
  }));

const PointerMove = z.union([
  SinksDownRow,
  z.discriminatedUnion('kind', [
    ...SwapResult.options,
    z.object({ kind: z.literal('state_behind'), generation: z.number() }),
  ]),
]);

/** The feed number of a move, and the webhooks of its tenant. */
const ToBeTold = z.object({ seq: z.number(), webhooks: z.array(z.string()) });

/** The result of a release's swap. If the pointer moved, it lists the webhooks of the tenant. */
const ReleaseMove = z.intersection(PointerMove, z.object({ webhooks: z.array(z.string()).optional() }));

const HandMove = z.intersection(z.union([SinksDownRow, MoveResult]), z.object({ told: ToBeTold.optional() }));

/**
 * Moves pointers in the database. Each method is one transaction, which finds its own move when it is repeated.
 *
 * @param options.brokers the brokers that get moves: they are notified with the webhooks, so the journaled result of the step lists both
 */
export function postgresMoves(
  db: Database,
  { brokers = [] }: { readonly brokers?: readonly Broker[] } = {},
): Moves {
  const wakesOf = (tenant: string, { seq, webhooks }: z.infer<typeof ToBeTold>): SinkNotification[] =>
    [...webhooks, ...brokers].map((sink) => ({ tenant, sink, seq }));
  return {
    async moveByRelease({ tenant, bundle, channel, version, expectedGeneration, at: epochMs }) {
      const proven = `${sinkLimits.provenMs} milliseconds`;
      const values = [bundle, channel, version, expectedGeneration, at(epochMs), proven];
      const call = 'with_webhooks($1, move_by_release($1, $2, $3, $4, $5, $6, $7))';
      const { webhooks = [], ...answer } = answerOf(ReleaseMove, await db.answer(tenant, call, values));
      const wakes = answer.kind === 'moved' ? wakesOf(tenant, { seq: answer.seq, webhooks }) : [];
      return answer.kind === 'moved' && wakes.length > 0 ? { ...answer, wakes } : answer;
    },
    async moveByHand({ at: epochMs, ...request }) {
      const limits = { provenMs: sinkLimits.provenMs, channelLimit: requestLimits.channelsPerBundle };
      const values = [json({ ...request, ...limits }), at(epochMs)];
      const rows = await db.answer(request.tenant, 'move_by_hand($2::jsonb, $3)', values);
      const { told, ...answer } = answerOf(HandMove, rows);
      const wakes = told === undefined ? [] : wakesOf(request.tenant, told);
      return wakes.length === 0 ? answer : { ...answer, wakes };
    },
    async setHold({ at: epochMs, ...request }) {
      const values = [json(request), at(epochMs)];
      return answerOf(HoldResult, await db.answer(request.tenant, 'set_hold($2::jsonb, $3)', values));
    },
    async announce({ tenant, bundle, version }, { startedAt }) {
      const values = [bundle, version, at(startedAt), at(Date.now())];
      await db.answer(tenant, 'announce($1, $2, $3, $4, $5)', values);
    },
  };
}
