import { isUtf8 } from 'node:buffer';

/** A line of a text: its number, from 1, and the offset of its first character. */
interface Line {
  readonly number: number;
  readonly start: number;
}

/** The line is stored for one offset per this many UTF-16 units. */
const BLOCK = 65_536;

/**
 * Converts offsets to lines and columns, both from 1. Columns count UTF-16 units, as editors and the LSP do. A line
 * ends with LF, CR LF or CR. The text is scanned once, up to the largest requested offset, and one line per block is
 * stored.
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
 * Returns the line of an offset, starting from the line of an earlier offset. It allocates nothing per line break,
 * because a text may have fifty million of them.
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

/** The line and the column of the first byte that is not valid UTF-8 (RFC 3629). */
export function firstInvalidByte(bytes: Uint8Array): { line: number; column: number } {
  let good = 0;
  for (let end = good; end < bytes.length; good = end) {
    end = endOfCharacter(bytes, good + BLOCK);
    if (!isUtf8(bytes.subarray(good, end))) break;
  }
  // A streaming decoder accepts an incomplete character at the end, so it rejects a prefix only for an invalid byte.
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

/** The nearest offset at or before `at` that does not split a character, which has at most four bytes. */
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
