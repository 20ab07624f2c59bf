import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Published, RabbitMessage } from '../../../services/rabbitmq/confirms.ts';
import { publishLimits } from '../../../services/rabbitmq/limits.ts';
import { publishBatch } from '../../../services/rabbitmq/publish-batch.ts';
import { batchOf, madeMoves } from '../../support/data/moves.ts';

const rules = { mandatory: true, unprovable: null };
const ANSWERS: readonly Published[] = [
  { kind: 'confirmed' },
  { kind: 'unroutable' },
  { kind: 'refused', summary: 'full' },
  { kind: 'unknown', summary: 'lost' },
];

test('only the moves before the first unconfirmed move of a batch count as delivered, for any broker responses in any order', async () => {
  const answer = fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.nat({ max: ANSWERS.length - 1 }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(answer, { maxLength: 40 }),
      fc.scheduler(),
      fc.boolean(),
      async (kinds, s, must) => {
        const published: number[] = [];
        const publish = ({ messageId = '' }: RabbitMessage): Promise<Published> => {
          const nth = Number(messageId.split(':').at(-1)) - 1;
          published.push(nth);
          return s.schedule(Promise.resolve(ANSWERS[kinds[nth]!]!));
        };
        const sending = publishBatch(
          { publish },
          batchOf(madeMoves(1, kinds.length), () => must),
          rules,
        );
        await s.waitFor(sending);
        const { count, unroutable, stopped } = await sending;
        const stops = kinds.findIndex((kind) => kind >= 2 || (kind === 1 && must));
        expect(count).toBe(stops === -1 ? kinds.length : stops);
        expect(unroutable).toBe(kinds.slice(0, count).filter((kind) => kind === 1).length);
        expect(stopped === null).toBe(stops === -1);
        expect(published).toEqual(published.map((_nth, place) => place));
      },
    ),
  );
});

test('at most the configured window of moves is in flight, and no move is published after a known failure', async () => {
  const answers: ((published: Published) => void)[] = [];
  const publish = (): Promise<Published> => new Promise((resolve) => answers.push(resolve));
  const sending = publishBatch({ publish }, batchOf(madeMoves(1, 500)), rules);
  expect(answers).toHaveLength(publishLimits.inFlight);
  answers[0]!({ kind: 'unknown', summary: 'lost' });
  await new Promise((resolve) => setImmediate(resolve));
  expect(answers).toHaveLength(publishLimits.inFlight);
  for (const answer of answers) answer({ kind: 'confirmed' });
  expect(await sending).toMatchObject({ count: 0, stopped: { cause: 'lost' } });
});

test('a move that must reach a queue is not published when its routing cannot be verified', async () => {
  let published = 0;
  const publish = async (): Promise<Published> => {
    published++;
    return { kind: 'confirmed' };
  };
  const unprovable = { mandatory: true, unprovable: 'made in another way' };
  const sent = await publishBatch(
    { publish },
    batchOf(madeMoves(1, 3), () => true),
    unprovable,
  );
  expect([sent.count, sent.stopped, published]).toMatchObject([
    0,
    { reason: 'made in another way', answered: false },
    0,
  ]);
});
