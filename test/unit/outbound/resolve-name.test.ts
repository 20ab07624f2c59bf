import { expect, test } from 'vitest';
import { outboundLimits } from '../../../services/outbound/limits.ts';
import { systemResolver } from '../../../services/outbound/resolve-name.ts';

test('names are resolved as the machine does it, its hosts file included, however many are asked for at once', async () => {
  const resolve = systemResolver();
  const found = await Promise.all(
    Array.from({ length: outboundLimits.lookups * 5 }, () => resolve('localhost')),
  );
  for (const addresses of found) expect(['127.0.0.1', '::1']).toContain(addresses[0]);
});

test('names that can not be resolved hold nobody up', async () => {
  const resolve = systemResolver();
  // Too long for any name server to be asked.
  const none = Array.from({ length: outboundLimits.lookups * 5 }, () => resolve('a'.repeat(300)));
  expect((await Promise.allSettled(none)).map(({ status }) => status)).toEqual(none.map(() => 'rejected'));
  expect(await resolve('localhost')).not.toEqual([]);
});
