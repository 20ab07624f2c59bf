/**
 * The ID of an entry in a Redis stream. It consists of a time in milliseconds and a number that counts the
 * entries within the same millisecond. Each has 64 bits in Redis, more than a JavaScript `number` can
 * represent.
 */
export interface EntryId {
  readonly ms: bigint;
  readonly n: bigint;
}

/** An ID that is lower than the ID of every entry. */
export const BEFORE_ALL: EntryId = { ms: 0n, n: 0n };

const ID = /^(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})$/;

/** Parses an entry ID. Returns null for text that is not a complete ID. */
export function parseEntryId(text: string): EntryId | null {
  const [, ms, n] = ID.exec(text) ?? [];
  return ms === undefined || n === undefined ? null : { ms: BigInt(ms), n: BigInt(n) };
}

/** Formats an entry ID, for example `1700000000000-3`. */
export function entryId({ ms, n }: EntryId): string {
  return `${ms}-${n}`;
}

export function isAfter(one: EntryId, other: EntryId): boolean {
  return one.ms === other.ms ? one.n > other.n : one.ms > other.ms;
}

/**
 * Returns `count` ascending IDs that are higher than `after`. Their time is `atMs`, or the time of `after` if
 * that is later, because the clock may have been set back.
 *
 * The result depends only on the arguments, and a higher `count` only appends IDs. A batch that is sent again
 * therefore gets the same IDs.
 */
export function idsAfter(after: EntryId, atMs: number, count: number): EntryId[] {
  const now = BigInt(Math.max(1, Math.trunc(atMs)));
  const first = now > after.ms ? { ms: now, n: 0n } : { ms: after.ms, n: after.n + 1n };
  return Array.from({ length: count }, (_none, index) => ({ ms: first.ms, n: first.n + BigInt(index) }));
}
