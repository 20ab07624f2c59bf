/** Values that a system behind the API may refuse to store, as a text, a number or a time. */

/** Texts, each of which some system refuses or misinterprets. */
export const HOSTILE_TEXTS: readonly string[] = [
  '',
  '\0',
  'a\0b',
  'a\ud800',
  '\u202e\u0007',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59-23:59',
  '1000-01-01T00:00:00+23:59',
  '-1',
  '1.5',
  '9007199254740993',
  '9223372036854775808',
  '__proto__',
  'constructor',
  "'; DROP TABLE pointsman.tenants; --",
  'http://127.0.0.1/\0',
  'http://127.0.0.1/\ud800',
  'x'.repeat(5_000),
];

/** Values that are not strings, written as JSON text. Parsing would change a number above 2^53. */
const HOSTILE_JSON: readonly string[] = [
  'null',
  'true',
  '-1',
  '1.5',
  '9007199254740993',
  '1e19',
  '1e400',
  '[]',
  '{}',
  '{"\\u0000":"\\u0000"}',
];

/** Returns every hostile value as JSON. An unpaired surrogate is written as its escape, which a parser converts to the surrogate. */
function hostileJson(): string[] {
  return [...HOSTILE_TEXTS.map((text) => JSON.stringify(text)), ...HOSTILE_JSON];
}

/**
 * Generates variants of the document as JSON, each with one value replaced by a hostile value, or with an additional field that has a
 * hostile name.
 */
export function* hostileDocuments(base: unknown, values = hostileJson()): Generator<string> {
  for (const value of values) for (const document of replacedIn(base, value)) yield document;
  if (typeof base !== 'object' || base === null || Array.isArray(base)) return;
  const fields = JSON.stringify(base).slice(1, -1);
  for (const name of HOSTILE_TEXTS)
    yield `{${[fields, `${JSON.stringify(name)}:0`].filter(Boolean).join(',')}}`;
}

/** Replaces the whole value, or each value within it. */
function* replacedIn(base: unknown, json: string): Generator<string> {
  yield json;
  if (typeof base !== 'object' || base === null) return;
  const isList = Array.isArray(base);
  const parts = Object.entries(base).map(([key, value]) => ({ key, value: value as unknown }));
  for (const { key, value } of parts) {
    for (const inside of replacedIn(value, json)) {
      const written = parts.map((part) => {
        const text = part.key === key ? inside : JSON.stringify(part.value);
        return isList ? text : `${JSON.stringify(part.key)}:${text}`;
      });
      yield isList ? `[${written.join(',')}]` : `{${written.join(',')}}`;
    }
  }
}

/**
 * Cursors for lists. Each contains a hostile value at another place of its position, so no list can continue from it.
 */
export function hostileCursors(): string[] {
  const positions = [
    17,
    ['2026-01-01T00:00:00.000Z', 'bundle', 1, 'gate'],
    { createdAt: '2026-01-01T00:00:00.000Z', id: '00000000-0000-4000-8000-000000000000' },
    { recent: true, generation: 1, follower: 'bot' },
  ];
  const values = ['"\\u0000"', '"a\\ud800"', '"0000-01-01T00:00:00Z"', '-1', '1.5', '1e19', 'null'];
  return positions.flatMap((position) =>
    [...hostileDocuments(position, values)].map((json) => Buffer.from(`[${json}]`).toString('base64url')),
  );
}
