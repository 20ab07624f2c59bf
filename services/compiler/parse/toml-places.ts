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

/** Ends the scan: the text is not what the library has accepted. What was placed until there stays placed. */
class Unreadable extends Error {}

/**
 * Where each value of a document in TOML is. The library has parsed the text without an error, but reports no places, so that this reads the
 * text once more and only far enough to tell values apart. An explicit table is at its header, and an implicit one at the key that first names it.
 * Recursion is bounded, since the library has refused what is nested too deeply. `toml-eslint-parser` reports places, but takes 4 to 80 times
 * as long as this (5.7 s for a list of 200,000 numbers) and overflows its stack on a string of 128 KiB.
 */
export function scanToml(text: string): Place {
  const scan: Scan = { text, at: 0 };
  const root = placeOfMap(0, 0);
  try {
    let table = root;
    for (skipVoid(scan); scan.at < text.length; skipVoid(scan)) {
      if (text[scan.at] === '[') table = scanHeader(scan, root);
      else scanMember(scan, table);
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
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

/** The table that holds the last part of a key, made where it is missing. */
function descend(table: MapPlace, key: readonly KeyPart[]): { table: MapPlace; last: KeyPart } {
  const last = key.at(-1);
  if (!last) throw new Unreadable();
  let inner = table;
  for (const part of key.slice(0, -1)) inner = childMap(inner, part);
  return { table: inner, last };
}

/** Of an array of tables the last item is meant (TOML 1.0, "Array of Tables"). */
function childMap(table: MapPlace, { name, start }: KeyPart): MapPlace {
  const known = table.members.get(name);
  const child = known?.items?.at(-1) ?? known ?? placeOfMap(start, start);
  if (!known) setMember(table, name, child);
  if (!isMapPlace(child)) throw new Unreadable();
  return child;
}

function isMapPlace(place: Place): place is MapPlace {
  return place.members !== null;
}

/** The parts of a dotted key, up to the "=" or "]" behind it. */
function scanKey(scan: Scan): KeyPart[] {
  const parts: KeyPart[] = [];
  do {
    skip(scan, /[ \t]*/y);
    const start = scan.at;
    if (/["']/.test(scan.text[start] ?? '')) skipString(scan);
    else if (skip(scan, /[\w-]+/y) === 0) throw new Unreadable();
    parts.push({ name: nameOf(scan.text.slice(start, scan.at)), start });
    skip(scan, /[ \t]*/y);
  } while (skip(scan, /\./y) > 0);
  return parts;
}

function nameOf(spelled: string): string {
  if (!/^["']/.test(spelled)) return spelled;
  if (spelled.startsWith("'") || !spelled.includes('\\')) return spelled.slice(1, -1);
  // Escapes are the library's: it has read this key before.
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
  // A date and a time may have a space between them.
  else if (skip(scan, /[^\s,\]}#]+(?: \d\d:[^\s,\]}#]*)?/y) === 0) throw new Unreadable();
  return placeOfScalar(start, keyStart);
}

function scanUntil(scan: Scan, close: string, scanPart: () => void): void {
  scan.at++;
  for (skipVoid(scan); scan.text[scan.at] !== close; skipVoid(scan)) {
    scanPart();
    skipVoid(scan);
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
  if (close < 0) throw new Unreadable();
  scan.at = close + delimiter.length;
  // One or two more quotes belong to the string.
  for (let more = 0; isMultiline && more < 2 && scan.text[scan.at] === quote; more++) scan.at++;
}

function skipVoid(scan: Scan): void {
  skip(scan, /\s*/y);
  while (scan.text[scan.at] === '#') {
    const end = scan.text.indexOf('\n', scan.at);
    scan.at = end < 0 ? scan.text.length : end;
    skip(scan, /\s*/y);
  }
}

/** How many characters match here; goes on behind them. */
function skip(scan: Scan, pattern: RegExp): number {
  pattern.lastIndex = scan.at;
  const skipped = pattern.test(scan.text) ? pattern.lastIndex - scan.at : 0;
  scan.at += skipped;
  return skipped;
}

function expect(scan: Scan, character: string): void {
  if (scan.text[scan.at] !== character) throw new Unreadable();
  scan.at++;
}
