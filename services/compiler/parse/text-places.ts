import { isUtf8 } from 'node:buffer';

/** A line of a text: its number, which starts at 1, and the offset of its first character. */
interface Line {
  readonly number: number;
  readonly start: number;
}

/** The number of UTF-16 units between two offsets whose line is stored. */
const BLOCK = 65_536;

/**
 * Returns a function that converts an offset to a line and a column, which both start at 1. Columns count UTF-16
 * units, as editors and the LSP do. A line ends with LF, CR LF or CR. The text is scanned once, up to the largest
 * requested offset. The line of every `BLOCK`th offset is stored, so that a later call scans at most one block.
 */
export function placeIn(text: string): (offset: number) => { line: number; column: number } {
  let last: Line = { number: 1, start: 0 };
  const atBlocks = [last];
  return (offset) => {
    const block = Math.floor(offset / BLOCK);
    for (let next = atBlocks.length; next <= block; next++) {
      last = lineAt(text, next * BLOCK, (next - 1) * BLOCK, last);
      atBlocks.push(last);
    }
    const { number, start } = lineAt(text, offset, block * BLOCK, atBlocks[block] ?? last);
    return { line: number, column: offset - start + 1 };
  };
}

/**
 * Returns the line that contains an offset. The scan starts at an earlier offset `from`, which is in `line`. It
 * allocates no object per line break, because a text may have fifty million of them.
 */
function lineAt(text: string, offset: number, from: number, line: Line): Line {
  let { number, start } = line;
  for (let at = from; at < offset; at++) {
    const unit = text.charCodeAt(at);
    if (unit !== LF && (unit !== CR || text.charCodeAt(at + 1) === LF)) continue;
    number++;
    start = at + 1;
  }
  return { number, start };
}

const LF = 0x0a;
const CR = 0x0d;

/** Returns the line and the column of the first byte that is not valid UTF-8 (RFC 3629). */
export function firstInvalidByte(bytes: Uint8Array): { line: number; column: number } {
  let good = 0;
  for (let end = good; end < bytes.length; good = end) {
    end = endOfCharacter(bytes, good + BLOCK);
    if (!isUtf8(bytes.subarray(good, end))) break;
  }
  // The following binary search finds the longest prefix that decodes. The streaming decoder accepts a prefix that
  // ends inside a character, so it fails only for an invalid byte.
  let low = good;
  let high = Math.min(bytes.length, good + BLOCK);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (decodes(bytes.subarray(good, middle))) low = middle;
    else high = middle - 1;
  }
  const before = new TextDecoder().decode(bytes.subarray(0, low), { stream: true });
  return placeIn(before)(before.length);
}

/**
 * Returns the last offset at or before `at` that does not split a character. A UTF-8 character has at most four
 * bytes.
 */
function endOfCharacter(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length) return bytes.length;
  for (let end = at; end > at - 4; end--) if (((bytes[end] ?? 0) & 0xc0) !== 0x80) return end;
  return at;
}

function decodes(prefix: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(prefix, { stream: true });
    return true;
  } catch {
    return false;
  }
}
