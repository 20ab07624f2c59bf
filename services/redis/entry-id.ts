/** The id of an entry of a stream: milliseconds, and a number within them. Both have 64 bits in Redis, which a `number` has not. */
export interface EntryId {
  readonly ms: bigint;
  readonly n: bigint;
}

/** Below every entry. */
export const BEFORE_ALL: EntryId = { ms: 0n, n: 0n };

const ID = /^(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})$/;

/** Null for anything that Redis did not make or take as a whole id. */
export function parseEntryId(text: string): EntryId | null {
  const [, ms, n] = ID.exec(text) ?? [];
  return ms === undefined || n === undefined ? null : { ms: BigInt(ms), n: BigInt(n) };
}

/** `1700000000000-3` */
export function entryId({ ms, n }: EntryId): string {
  return `${ms}-${n}`;
}

export function isAfter(one: EntryId, other: EntryId): boolean {
  return one.ms === other.ms ? one.n > other.n : one.ms > other.ms;
}

/**
 * So many ids that rise after that one, of that time where the time is later. They follow from their arguments alone, and one more or less at the end
 * changes none before it: whoever repeats a batch repeats its ids. A clock that went back stays at the milliseconds where the ids are.
 */
export function idsAfter(after: EntryId, atMs: number, count: number): EntryId[] {
  const now = BigInt(Math.max(1, Math.trunc(atMs)));
  const first = now > after.ms ? { ms: now, n: 0n } : { ms: after.ms, n: after.n + 1n };
  return Array.from({ length: count }, (_none, index) => ({ ms: first.ms, n: first.n + BigInt(index) }));
}
