import fc from 'fast-check';
import { expect, test } from 'vitest';

import { clientKey, hookDeliveryKey, isReservedKey } from '../../../packages/protocol/idempotency-key.ts';

test('an idempotency key of a client never equals the idempotency key of a hook delivery', () => {
  const name = fc.string();
  fc.assert(
    fc.property(name, name, name, (key, hook, delivery) => {
      expect(clientKey(key)).not.toBe(hookDeliveryKey({ hook, delivery }));
      expect(clientKey(hookDeliveryKey({ hook, delivery }))).not.toBe(hookDeliveryKey({ hook, delivery }));
    }),
  );
});

test('exactly the idempotency keys with the prefix of hook deliveries are reserved', () => {
  expect(['hook/', 'hook/main/72d3162e'].map(isReservedKey)).toEqual([true, true]);
  expect(['hook', 'hooks/main', 'Hook/main', '/hook/', 'release-4711'].map(isReservedKey)).toEqual(
    Array.from({ length: 5 }, () => false),
  );
});
