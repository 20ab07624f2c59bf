import { expect, test } from 'vitest';

import { reconnecting } from '../../../packages/protocol/calls/reconnecting.ts';

function connections() {
  const opened: { id: number; isLost: boolean; isClosed: boolean }[] = [];
  const opening: PromiseWithResolvers<void>[] = [];
  const connection = reconnecting(async () => {
    const gate = Promise.withResolvers<void>();
    opening.push(gate);
    await gate.promise;
    const one = { id: opened.length, isLost: false, isClosed: false };
    opened.push(one);
    return {
      one,
      isOver: () => one.isLost || one.isClosed,
      close: async () => void (one.isClosed = true),
    };
  });
  return { opened, opening, connection };
}

test('concurrent callers share one connection attempt and its connection, and a lost connection is opened again', async () => {
  const { opened, opening, connection } = connections();
  const asked = [connection.current(), connection.current()];
  opening[0]!.resolve();
  expect((await Promise.all(asked)).map(({ one }) => one.id)).toEqual([0, 0]);
  expect((await connection.current()).one.id).toBe(0);
  opened[0]!.isLost = true;
  const again = connection.current();
  opening[1]!.resolve();
  expect((await again).one.id).toBe(1);
});

test('after a failed connection attempt, the next caller starts another attempt', async () => {
  const { opening, connection } = connections();
  const failed = connection.current();
  opening[0]!.reject(new Error('refused'));
  await expect(failed).rejects.toThrow('refused');
  const again = connection.current();
  opening[1]!.resolve();
  expect((await again).one.id).toBe(0);
});

test('a connection that opens while its owner is closing is closed too, and no caller gets it', async () => {
  const { opened, opening, connection } = connections();
  const asked = connection.current();
  const closing = connection.close();
  opening[0]!.resolve();
  await expect(asked).rejects.toThrow('closed');
  await closing;
  expect(opened).toEqual([{ id: 0, isLost: false, isClosed: true }]);
  await expect(connection.current()).rejects.toThrow('closed');
  expect(opening).toHaveLength(1);
});
