import { expect, test } from 'vitest';
import { inFlightBound } from '../../../services/outbound/in-flight.ts';

test('a tenant gets only its share of the outgoing calls in flight, and the rest is left to other tenants', () => {
  const bound = inFlightBound({ total: 3, perTenant: 2 });
  const first = bound.enter('acme');
  expect(bound.enter('acme')).not.toBeNull();
  expect(bound.enter('acme')).toBeNull();
  expect(bound.enter('globex')).not.toBeNull();
  expect(bound.enter('globex')).toBeNull();
  first?.();
  expect(bound.enter('globex')).not.toBeNull();
});

test('the end of an outgoing call makes room for another call of the same tenant, any number of times', () => {
  const bound = inFlightBound({ total: 1, perTenant: 1 });
  for (let round = 0; round < 100; round++) {
    const leave = bound.enter('acme');
    expect(leave).not.toBeNull();
    leave?.();
  }
});
