import { expect, test } from 'vitest';

import { singleFlight } from '../../../packages/protocol/calls/single-flight.ts';

function counted() {
  const runs: PromiseWithResolvers<number>[] = [];
  const flight = singleFlight(() => {
    runs.push(Promise.withResolvers<number>());
    return runs.at(-1)!.promise;
  });
  return { runs, flight };
}

test('all callers that arrive during a run share that run, and the next caller starts another run', async () => {
  const { runs, flight } = counted();
  const asked = [flight.join(), flight.join(), flight.join()];
  expect(runs).toHaveLength(1);
  expect(flight.underWay).not.toBeNull();
  runs[0]!.resolve(7);
  expect(await Promise.all(asked)).toEqual([7, 7, 7]);
  expect(flight.underWay).toBeNull();
  const another = flight.join();
  runs[1]!.resolve(8);
  expect(await another).toBe(8);
});

test('a failed run reports its failure to all callers that share it, and the next caller starts another run', async () => {
  const { runs, flight } = counted();
  const asked = Promise.allSettled([flight.join(), flight.join()]);
  runs[0]!.reject(new Error('down'));
  expect((await asked).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const again = flight.join();
  runs[1]!.resolve(9);
  expect(await again).toBe(9);
});
