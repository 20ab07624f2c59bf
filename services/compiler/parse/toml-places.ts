import { parse } from 'smol-toml';

import {
  closingQuote,
  type MapPlace,
  type Place,
  placeOfList,
  placeOfMap,
  placeOfScalar,
  setMember,
} from './places.ts';

interface Scan {
  readonly text: string;
  at: number;
}

interface KeyPart {
  readonly name: string;
  readonly start: number;
}

/** Thrown to end the scan at unexpected text. The positions that were found before it are kept. */
class ScanStopped extends Error {}

/**
 * Finds the position of each value in a valid TOML document. The library that parsed the text does not report
 * positions. This function therefore scans the text again, and only separates the values from each other.
 *
 * The position of a table is its header. If a table has no header, its position is the first key that names it. The
 * recursion is bounded, because the library has already rejected deep nesting.
 *
 * The package `toml-eslint-parser` reports positions, but takes 4 to 80 times as long (5.7 s for a list of 200,000
 * numbers). It also overflows its stack on a string of 128 KiB.
 */
export function scanToml(text: string): Place {
  const scan: Scan = { text, at: 0 };
  const root = placeOfMap(0, 0);
  try {
    let table = root;
    for (skipSpaceAndComments(scan); scan.at < text.length; skipSpaceAndComments(scan)) {
      if (text[scan.at] === '[') table = scanHeader(scan, root);
      else scanMember(scan, table);
    }
  } catch (error) {
    if (!(error instanceof ScanStopped)) throw error;
  }
  return root;
}

function scanHeader(scan: Scan, root: MapPlace): MapPlace {
  const start = scan.at;
  const opensItem = scan.text.startsWith('[[', start);
  scan.at += opensItem ? 2 : 1;
  const { table, last } = descend(root, scanKey(scan));
  for (let bracket = 0; bracket < (opensItem ? 2 : 1); bracket++) expect(scan, ']');
  if (opensItem) {
    const list = table.members.get(last.name) ?? placeOfList(start, last.start);
    setMember(table, last.name, list);
    const item = placeOfMap(start, start);
    list.items?.push(item);
    return item;
  }
  const named = childMap(table, last);
  named.start = start;
  return named;
}

function scanMember(scan: Scan, table: MapPlace): void {
  const { table: inner, last } = descend(table, scanKey(scan));
  expect(scan, '=');
  skip(scan, /[ \t]*/y);
  setMember(inner, last.name, scanValue(scan, last.start));
}

/**
 * Returns the table that contains the last part of a dotted key, and that part. Creates the tables that do not exist
 * yet.
 */
function descend(table: MapPlace, key: readonly KeyPart[]): { table: MapPlace; last: KeyPart } {
  const last = key.at(-1);
  if (!last) throw new ScanStopped();
  let inner = table;
  for (const part of key.slice(0, -1)) inner = childMap(inner, part);
  return { table: inner, last };
}

/**
 * Returns the child table with this name, and creates it if it does not exist. For an array of tables, returns the
 * last item (TOML 1.0, "Array of Tables").
 */
function childMap(table: MapPlace, { name, start }: KeyPart): MapPlace {
  const known = table.members.get(name);
  const child = known?.items?.at(-1) ?? known ?? placeOfMap(start, start);
  if (!known) setMember(table, name, child);
  if (!isMapPlace(child)) throw new ScanStopped();
  return child;
}

function isMapPlace(place: Place): place is MapPlace {
  return place.members !== null;
}

/** Reads the parts of a dotted key. Stops at the "=" or "]" after the key. */
function scanKey(scan: Scan): KeyPart[] {
  const parts: KeyPart[] = [];
  do {
    skip(scan, /[ \t]*/y);
    const start = scan.at;
    if (/["']/.test(scan.text[start] ?? '')) skipString(scan);
    else if (skip(scan, /[\w-]+/y) === 0) throw new ScanStopped();
    parts.push({ name: nameOf(scan.text.slice(start, scan.at)), start });
    skip(scan, /[ \t]*/y);
  } while (skip(scan, /\./y) > 0);
  return parts;
}

function nameOf(spelled: string): string {
  if (!/^["']/.test(spelled)) return spelled;
  if (spelled.startsWith("'") || !spelled.includes('\\')) return spelled.slice(1, -1);
  // The library decodes the escapes of a quoted key, so that the name equals the name in the parsed value.
  return Object.keys(parse(`${spelled} = 0`))[0] ?? '';
}

function scanValue(scan: Scan, keyStart: number): Place {
  const start = scan.at;
  const open = scan.text[start];
  if (open === '[') {
    const list = placeOfList(start, keyStart);
    scanUntil(scan, ']', () => list.items.push(scanValue(scan, scan.at)));
    return list;
  }
  if (open === '{') {
    const map = placeOfMap(start, keyStart);
    scanUntil(scan, '}', () => scanMember(scan, map));
    return map;
  }
  if (open === '"' || open === "'") skipString(scan);
  // The pattern includes a space followed by a time, because TOML allows a space between a date and a time.
  else if (skip(scan, /[^\s,\]}#]+(?: \d\d:[^\s,\]}#]*)?/y) === 0) throw new ScanStopped();
  return placeOfScalar(start, keyStart);
}

function scanUntil(scan: Scan, close: string, scanPart: () => void): void {
  scan.at++;
  for (skipSpaceAndComments(scan); scan.text[scan.at] !== close; skipSpaceAndComments(scan)) {
    scanPart();
    skipSpaceAndComments(scan);
    if (scan.text[scan.at] !== close) expect(scan, ',');
  }
  scan.at++;
}

function skipString(scan: Scan): void {
  const quote = scan.text[scan.at] ?? '';
  const isMultiline = scan.text.startsWith(quote.repeat(3), scan.at);
  const delimiter = isMultiline ? quote.repeat(3) : quote;
  const from = scan.at + delimiter.length;
  const close = quote === "'" ? scan.text.indexOf(delimiter, from) : closingQuote(scan.text, from, delimiter);
  if (close < 0) throw new ScanStopped();
  scan.at = close + delimiter.length;
  // The content of a multi-line string may end with one or two quotes, directly before the closing delimiter.
  for (let more = 0; isMultiline && more < 2 && scan.text[scan.at] === quote; more++) scan.at++;
}

function skipSpaceAndComments(scan: Scan): void {
  skip(scan, /\s*/y);
  while (scan.text[scan.at] === '#') {
    const end = scan.text.indexOf('\n', scan.at);
    scan.at = end < 0 ? scan.text.length : end;
    skip(scan, /\s*/y);
  }
}

/** Skips the text that the pattern matches at the current offset. Returns the number of skipped characters. */
function skip(scan: Scan, pattern: RegExp): number {
  pattern.lastIndex = scan.at;
  const skipped = pattern.test(scan.text) ? pattern.lastIndex - scan.at : 0;
  scan.at += skipped;
  return skipped;
}

function expect(scan: Scan, character: string): void {
  if (scan.text[scan.at] !== character) throw new ScanStopped();
  scan.at++;
}
