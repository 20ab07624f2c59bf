import { pointerSteps } from './json-pointer.ts';

/**
 * The position of a value in the text, and of the values inside it. A document may have millions of them, so unused
 * fields are null.
 */
export interface Place {
  start: number;
  /** The offset at which the key of this value begins; without a key, the value's own start. */
  readonly keyStart: number;
  /** The members of a map, set by {@link setMember}. Null for other values. */
  members: ReadonlyMap<string, Place> | null;
  /** The items of a list. Null for other values. */
  readonly items: Place[] | null;
}

export type MapPlace = Place & { members: ReadonlyMap<string, Place> };
export type ListPlace = Place & { readonly items: Place[] };

/** Shared by all empty maps to save memory: a separate map takes 200 bytes, and a document of 8 MB may have two million. */
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

/** The offset of a pointer's value or key, or of its nearest existing parent. */
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
 * The offset of the quote that closes a string with backslash escapes, or -1. The search starts at `from`. A regular
 * expression for the whole string would need a stack as long as the string.
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
