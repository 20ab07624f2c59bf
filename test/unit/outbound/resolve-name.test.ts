import { expect, test } from 'vitest';
import { outboundLimits } from '../../../services/outbound/limits.ts';
import { systemResolver } from '../../../services/outbound/resolve-name.ts';

test('any number of concurrent DNS lookups use the resolver of the machine, including its hosts file', async () => {
  const resolve = systemResolver();
  const found = await Promise.all(
    Array.from({ length: outboundLimits.lookups * 5 }, () => resolve('localhost')),
  );
  for (const addresses of found) expect(['127.0.0.1', '::1']).toContain(addresses[0]);
});

test('names that cannot be resolved do not delay other DNS lookups', async () => {
  const resolve = systemResolver();
  // These names are too long for DNS, so no name server is asked.
  const none = Array.from({ length: outboundLimits.lookups * 5 }, () => resolve('a'.repeat(300)));
  expect((await Promise.allSettled(none)).map(({ status }) => status)).toEqual(none.map(() => 'rejected'));
  expect(await resolve('localhost')).not.toEqual([]);
});
