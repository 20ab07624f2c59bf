import { pointerSteps } from './json-pointer.ts';

/**
 * The position of a value in the text, and the positions of the values inside it. Fields that do not apply are null
 * to save memory, because a document may have millions of values.
 */
export interface Place {
  start: number;
  /** The offset of the value's key. If the value has no key, it is the offset of the value. */
  readonly keyStart: number;
  /** The positions of a map's members, which {@link setMember} adds. The field is null for other values. */
  members: ReadonlyMap<string, Place> | null;
  /** The positions of a list's items. The field is null for other values. */
  readonly items: Place[] | null;
}

export type MapPlace = Place & { members: ReadonlyMap<string, Place> };
export type ListPlace = Place & { readonly items: Place[] };

/**
 * The members of every empty map. An empty Map object takes 200 bytes, and a document of 8 MB may contain two million
 * empty maps.
 */
const NO_MEMBERS: ReadonlyMap<string, Place> = new Map();

export function placeOfMap(start: number, keyStart: number): MapPlace {
  return { start, keyStart, members: NO_MEMBERS, items: null };
}

export function setMember(place: MapPlace, key: string, member: Place): void {
  if (place.members === NO_MEMBERS) place.members = new Map([[key, member]]);
  else (place.members as Map<string, Place>).set(key, member);
}

export function placeOfList(start: number, keyStart: number): ListPlace {
  return { start, keyStart, members: null, items: [] };
}

export function placeOfScalar(start: number, keyStart: number): Place {
  return { start, keyStart, members: null, items: null };
}

/**
 * Returns the offset of the value at a pointer, or of the value's key. If the pointer does not exist, returns the
 * offset of its nearest existing parent.
 */
export function locatePlace(root: Place, pointer: string, key: boolean): number {
  let place = root;
  const steps = pointerSteps(pointer) ?? [];
  for (const [depth, step] of steps.entries()) {
    const next = place.members?.get(step) ?? place.items?.[/^[0-9]+$/.test(step) ? Number(step) : -1];
    if (!next) return place.start;
    if (key && depth === steps.length - 1) return next.keyStart;
    place = next;
  }
  return place.start;
}

/**
 * Returns the offset of the quote that closes a string, or -1. The search starts at `from` and skips quotes that are
 * escaped with a backslash. A regular expression that matches the whole string would overflow the stack on a long
 * string.
 */
export function closingQuote(text: string, from: number, quote: string): number {
  let close = text.indexOf(quote, from);
  while (close >= 0 && isEscaped(text, close, from)) close = text.indexOf(quote, close + 1);
  return close;
}

function isEscaped(text: string, at: number, from: number): boolean {
  let backslashes = 0;
  while (at - backslashes > from && text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}
