import { HOSTILE_TEXTS, hostileCursors, hostileDocuments } from '../support/data/hostile-values.ts';
import type { Random } from '../support/data/seeded-random.ts';
import { pick, times } from './random.ts';

/** One of the hostile texts, except the empty one, because a segment of a path can't be empty. */
export function hostileText(random: Random): string {
  return pick(random, HOSTILE_TEXTS) || 'x';
}

const CURSORS = hostileCursors();
const JSON_VALUES = [...hostileDocuments(null)];

/** The waits are short, because a long-poll may legitimately take as long as it requests. */
export function queryValue(random: Random, name: string, isHostile: boolean): string {
  if (name === 'wait') return pick(random, ['0s', '1s', '-1s', '1e9s', 'forever']);
  if (name === 'cursor') return pick(random, CURSORS);
  return isHostile ? pick(random, HOSTILE_TEXTS) : pick(random, ['1', '10', 'true', 'open', 'live']);
}

/**
 * The hostile variants of each document. They are generated once per document, because there are thousands of them.
 */
const made = new Map<string, readonly string[]>();

export function bodyOf(random: Random, base: unknown, takesBody: boolean): string | null {
  if (!takesBody) return random() < 0.03 ? pick(random, JSON_VALUES) : null;
  if (base === undefined || random() < 0.1) return pick(random, JSON_VALUES);
  const json = JSON.stringify(base);
  if (random() < 0.35) return json;
  if (random() < 0.15) return broken(random, json);
  const documents = made.get(json) ?? [...hostileDocuments(base)];
  made.set(json, documents);
  return pick(random, documents);
}

/** JSON that is cut off, doubled or nested deeply, or bytes that are not UTF-8. */
function broken(random: Random, json: string): string {
  return pick(random, [
    json.slice(0, Math.floor(random() * json.length)),
    json + json,
    '['.repeat(5_000),
    `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`,
    `{${times(2_000, (n) => `"k${n}":0`).join(',')}}`,
    `{"files":{${times(300, (n) => `"f${n % 3}.json":"{}"`).join(',')}}}`,
    `﻿${json}`,
  ]);
}

/** Returns the correct content type for 90% of the requests. */
export function contentType(random: Random, right: string): string {
  if (random() < 0.9) return right;
  return pick(random, [
    'application/gzip',
    'text/plain',
    'application/json; charset=utf-7',
    'multipart/form-data; boundary=x',
    'application/json, application/gzip',
    '/',
  ]);
}

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'if-match': ['"1"', '"0"', '*', 'W/"1"', '"99999999999999999999"', '"2.1"', '1', '"\\""'],
  'if-none-match': ['"1"', '*', 'W/"1", "2"', '"', ','],
  'idempotency-key': ['fuzz-1', 'fuzz-2', 'hook/main/1', 'x'.repeat(300), ' ', '"a"'],
  accept: ['application/json', 'text/html', '*/*;q=0', 'text/event-stream', 'a/b;q=9', ','],
  'accept-encoding': ['gzip', 'identity;q=0', 'br, *;q=0'],
  'content-encoding': ['gzip', 'identity', 'deflate, gzip'],
  'last-event-id': ['0', '7.1', '-1', 'x', '99999999999999999999'],
  traceparent: ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '00-0-0-0', 'x'],
  'x-request-id': ['fuzz', 'a'.repeat(500), '{"a":1}'],
  range: ['bytes=0-0', 'bytes=9999999-', 'bytes=-1', 'items=0-1'],
  'x-http-method-override': ['DELETE'],
  'x-forwarded-host': ['evil.example'],
  origin: ['https://evil.example'],
};

export function headersOf(random: Random): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const [name, values] of Object.entries(HEADERS))
    if (random() < 0.07) chosen[name] = pick(random, values);
  return chosen;
}

/** Percent-encodes the text in most cases. Some texts are sent unencoded if a request line can contain them. */
export function encodePart(text: string): string {
  const encoded = Array.from(text, (one) => (one.isWellFormed() ? encodeURIComponent(one) : '%ED%A0%80'));
  return encoded.join('').slice(0, 6_000);
}
