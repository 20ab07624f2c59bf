import serialize from 'canonicalize';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, type Json } from '../../../packages/protocol/json/canonical-json.ts';

test('canonical JSON is identical to the output of the reference implementation, for any keys', () => {
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('10', '9', '01', '-1', '1e3', 'a', '\ufb33', '😀', ''),
  );
  const { value } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(
        fc.constant(null),
        fc.boolean(),
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
      ),
      fc.array(tie('value')),
      fc.dictionary(key, tie('value')),
    ),
  }));
  fc.assert(
    fc.property(value, (json) => {
      expect(canonicalJson(json)).toBe(serialize(json));
    }),
    { numRuns: 1_000 },
  );
});

test('canonical JSON writes "__proto__" as an ordinary key', () => {
  const value = JSON.parse('{"b":{"__proto__":{"y":1}},"a":2}') as Json;
  expect(canonicalJson(value)).toBe('{"a":2,"b":{"__proto__":{"y":1}}}');
});

test('a value that JSON cannot represent has no canonical form', () => {
  for (const value of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '\ud800',
    { '\udc00': 1 },
    { a: ['\ud800'] },
    { '1': '\ud800' },
  ]) {
    expect(() => canonicalJson(value)).toThrow(/canonical form|not allowed/);
  }
});
