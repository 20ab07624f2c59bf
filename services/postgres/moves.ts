import { z } from 'zod';

import { HoldAnswer, MoveAnswer, SwapAnswer } from '../../handlers/contract.ts';
import type { Moves } from '../../handlers/deps.ts';
import type { Database } from './database.ts';
import { answerOf, at, json } from './rows.ts';

const PointerMove = z.discriminatedUnion('kind', [
  ...SwapAnswer.options,
  z.object({ kind: z.literal('state_behind'), generation: z.number() }),
]);

/** Moving pointers on record: each method is one transaction, which finds its own move when it is repeated. */
export function postgresMoves(db: Database): Moves {
  return {
    async moveByRelease({ tenant, bundle, channel, version, expectedGeneration, at: epochMs }) {
      const values = [bundle, channel, version, expectedGeneration, at(epochMs)];
      const rows = await db.answer(tenant, 'move_by_release($1, $2, $3, $4, $5, $6)', values);
      return answerOf(PointerMove, rows);
    },
    async moveByHand({ at: epochMs, ...request }) {
      const values = [json(request), at(epochMs)];
      return answerOf(MoveAnswer, await db.answer(request.tenant, 'move_by_hand($2::jsonb, $3)', values));
    },
    async setHold({ at: epochMs, ...request }) {
      const values = [json(request), at(epochMs)];
      return answerOf(HoldAnswer, await db.answer(request.tenant, 'set_hold($2::jsonb, $3)', values));
    },
    async announce({ tenant, bundle, version }, { startedAt }) {
      await db.answer(tenant, 'announce($1, $2, $3, $4, $5)', [
        bundle,
        version,
        at(startedAt),
        at(Date.now()),
      ]);
    },
  };
}
