import { isUtf8 } from 'node:buffer';

/** A line of a text: its number, from 1, and the offset at which it begins. */
interface Line {
  readonly number: number;
  readonly start: number;
}

/** Between two places whose line is remembered. */
const BLOCK = 65_536;

/**
 * Turns an offset into a line and a column, both from 1; columns count UTF-16 units, as editors and the LSP do. A line ends with LF, CR LF or
 * CR. The text is read as far as the largest offset that was asked for, once for all of them; what is remembered of it is one line a block.
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

/** Returns the line of an offset, counting on from the line of an earlier offset. Allocates nothing per line break: a text may have fifty million. */
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

/** The first byte that UTF-8 does not allow (RFC 3629), as a line and a column counted in the text before it. */
export function firstInvalidByte(bytes: Uint8Array): { line: number; column: number } {
  let good = 0;
  for (let end = good; end < bytes.length; good = end) {
    end = endOfCharacter(bytes, good + BLOCK);
    if (!isUtf8(bytes.subarray(good, end))) break;
  }
  // A decoder that streams keeps an unfinished character back, so that a prefix is refused only for a byte that is really wrong.
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

/** That place, or the nearest one before it at which no character of UTF-8 goes on: it has at most three bytes after its first. */
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
