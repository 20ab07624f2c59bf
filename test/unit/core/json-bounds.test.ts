import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { jsonExcess, parseBoundedJson } from '../../../packages/protocol/json/json-bounds.ts';

const MANY = 1_000_000;

/**
 * Counts the values of a document as a JavaScript engine creates them: the document itself, and everything in its
 * lists and maps.
 */
function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, one) => sum + valuesIn(one), 1);
}

describe('the limits of untrusted JSON', () => {
  test('refuse a document with more values than allowed, whatever texts it contains', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 1, max: 30 }), (value, values) => {
        const excess = jsonExcess(JSON.stringify(value), { depth: 100, values });
        if (valuesIn(value) > values) expect(excess?.past).toBe('values');
      }),
    );
  });

  test('accept a document within the limit, which counts an empty list or map as two values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const values = 2 * valuesIn(value);
        expect(jsonExcess(JSON.stringify(value), { depth: 100, values })).toBeNull();
      }),
    );
  });

  test('do not count brackets, commas and escaped quotes inside a text', () => {
    const text = JSON.stringify(['[[[{{{,,,"', '\\', '\\"', '"'.repeat(50)]);
    expect(jsonExcess(text, { depth: 1, values: 5 })).toBeNull();
    expect(jsonExcess(text, { depth: 1, values: 4 })).toEqual({ past: 'values', offset: expect.any(Number) });
  });

  test('report the offset of the first value or nesting level above them', () => {
    expect(jsonExcess('[1,[2,3]]', { depth: 1, values: 9 })).toEqual({ past: 'depth', offset: 3 });
    expect(jsonExcess('[1,2,3]', { depth: 1, values: 3 })).toEqual({ past: 'values', offset: 4 });
  });

  test('do not apply to a text that breaks off, because that is not JSON', () => {
    expect(jsonExcess('["a', { depth: 1, values: 3 })).toBeNull();
    expect(parseBoundedJson(Buffer.from('["a'), { depth: 1, values: 3 })).toEqual({ kind: 'not_json' });
    expect(parseBoundedJson(Buffer.from([0xc3, 0x28]), { depth: 1, values: 3 })).toEqual({
      kind: 'not_json',
    });
  });

  test('refuse a document that exceeds them before it is parsed, and the problem names the limit', () => {
    const zeros = Buffer.from(`[${'0,'.repeat(MANY)}0]`);
    expect(parseBoundedJson(zeros, { depth: 2, values: 10 })).toEqual({
      kind: 'excess',
      problem: 'a document may have at most 10 values',
    });
    const deep = Buffer.from('['.repeat(MANY));
    expect(parseBoundedJson(deep, { depth: 2, values: 10 })).toEqual({
      kind: 'excess',
      problem: 'maps and lists may be nested at most 2 deep',
    });
  });
});
