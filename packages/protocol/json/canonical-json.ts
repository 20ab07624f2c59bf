import serialize from 'canonicalize';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Serializes a value in the canonical form of RFC 8785 (JSON Canonicalization Scheme). Equal values give the
 * same text, so their digests can be compared.
 *
 * Throws for a value that JSON can't represent: NaN, an infinity or a lone surrogate. Callers should reject
 * such values earlier, because they can report the position.
 *
 * If the keys of an object are sorted, the output of `JSON.stringify` already follows RFC 8785. This function
 * therefore only sorts the keys, which is four times as fast as the library. That does not work for keys that
 * look like array indexes, which JavaScript objects reorder, and for "__proto__". Values with such keys are
 * serialized by the library.
 */
export function canonicalJson(value: Json): string {
  const ordered = inOrder(value);
  const text = ordered === UNORDERABLE ? serialize(value) : JSON.stringify(ordered);
  if (text === undefined) throw new TypeError('only JSON values have a canonical form');
  return text;
}

const UNORDERABLE = Symbol('an object that cannot keep its keys in order');

function inOrder(value: Json): Json | typeof UNORDERABLE {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${value} has no canonical form`);
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) {
    const items: Json[] = [];
    for (const item of value) {
      const inside = inOrder(item);
      if (inside === UNORDERABLE) return UNORDERABLE;
      items.push(inside);
    }
    return items;
  }
  const ordered: { [key: string]: Json } = {};
  // `toSorted` compares UTF-16 code units. RFC 8785, section 3.2.3 requires this order.
  for (const key of Object.keys(value).toSorted()) {
    if (/^(?:[0-9]|__proto__$)/.test(key)) return UNORDERABLE;
    const inside = inOrder(value[key] ?? null);
    if (inside === UNORDERABLE) return UNORDERABLE;
    ordered[wellFormed(key)] = inside;
  }
  return ordered;
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}

function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('a lone surrogate has no canonical form');
  return text;
}
