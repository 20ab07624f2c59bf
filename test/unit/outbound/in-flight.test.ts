import { expect, test } from 'vitest';
import { inFlightBound } from '../../../services/outbound/in-flight.ts';

test('a tenant takes its share, and leaves the rest to the others', () => {
  const bound = inFlightBound({ total: 3, perTenant: 2 });
  const first = bound.enter('acme');
  expect(bound.enter('acme')).not.toBeNull();
  expect(bound.enter('acme')).toBeNull();
  expect(bound.enter('globex')).not.toBeNull();
  expect(bound.enter('globex')).toBeNull();
  first?.();
  expect(bound.enter('globex')).not.toBeNull();
});

test('who leaves makes room for the same tenant again, as often as that happens', () => {
  const bound = inFlightBound({ total: 1, perTenant: 1 });
  for (let round = 0; round < 100; round++) {
    const leave = bound.enter('acme');
    expect(leave).not.toBeNull();
    leave?.();
  }
});
