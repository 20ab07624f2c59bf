import { expect, test } from 'vitest';

import { ReceivedMoves } from '../../../packages/client/webhooks/received-moves.ts';
import { nthMove } from '../../support/data/move-events.ts';

test('a reader of moves gets a gap for a missing sequence number, and no gap for a repeated move', async () => {
  const moves = new ReceivedMoves();
  const stop = new AbortController();
  const reading = moves.read(stop.signal);
  expect((await reading.next()).value).toEqual({ kind: 'gap' });
  for (const seq of [7, 8, 5, 8, 9, 11]) moves.push(nthMove('acme', seq));
  const seen: (number | 'gap')[] = [];
  while (seen.length < 7) {
    const { value } = await reading.next();
    if (value) seen.push(value.kind === 'gap' ? 'gap' : value.event.data.seq);
  }
  stop.abort();
  expect(seen).toEqual([7, 8, 5, 8, 9, 'gap', 11]);
});
