import { pointerSteps } from './json-pointer.ts';

/** Of a line, from its first letter: a key or header that is longer is not looked at. Regular expressions and joined names stay short. */
const LINE_CHARS = 300;

/**
 * Best effort: the line whose table header and key spell most of the pointer. It reads line by line and knows headers, arrays of
 * tables and dotted or quoted keys, but not the inside of inline tables, lists and multi-line strings: what is in there is placed
 * at the key that holds it.
 */
export function locateInToml(text: string, pointer: string): number {
  const wanted = pointerSteps(pointer) ?? [];
  const tableCounts = new Map<string, number>();
  let table = { steps: 0, leadsThere: true };
  let best = { offset: 0, steps: 0 };
  for (let start = 0; start < text.length && best.steps < wanted.length; start = endOfLine(text, start)) {
    const offset = afterBlanks(text, start);
    const line = text.slice(offset, Math.min(offset + LINE_CHARS, endOfLine(text, start)));
    const named = namedBy(line, table.leadsThere, tableCounts);
    if (named === null) continue;
    const before = named.isHeader ? 0 : table.steps;
    const leadsThere = named.path.every((step, depth) => wanted[before + depth] === step);
    const steps = before + named.path.length;
    if (named.isHeader) table = { steps, leadsThere };
    if (leadsThere && steps > best.steps) best = { offset, steps };
  }
  return best.offset;
}

/** What a line names: a table by its whole path, or a key inside of the table, which is asked for only where the table leads there. */
function namedBy(
  line: string,
  isKeyWanted: boolean,
  counts: Map<string, number>,
): { readonly isHeader: boolean; readonly path: readonly string[] } | null {
  const header = /^(\[\[?)([^[\]]+)\]/.exec(line);
  if (header !== null) {
    return { isHeader: true, path: withIndexes(keyParts(header[2] ?? ''), header[1] === '[[', counts) };
  }
  const key = isKeyWanted ? KEY.exec(line) : null;
  return key === null ? null : { isHeader: false, path: keyParts(key[1] ?? '') };
}

const KEY =
  /^((?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*'))*)[ \t]*=/;

/** Where the next line begins. */
function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end === -1 ? text.length : end + 1;
}

function afterBlanks(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ' || text[at] === '\t') at++;
  return at;
}

/** A header names arrays of tables without their index: the one that was opened last is meant (TOML 1.0, "Array of Tables"). */
function withIndexes(parts: readonly string[], opensItem: boolean, counts: Map<string, number>): string[] {
  const path: string[] = [];
  let name = '';
  for (const [depth, part] of parts.entries()) {
    name += `\0${part}`;
    path.push(part);
    const last = depth === parts.length - 1;
    const count = counts.get(name);
    if (last && opensItem) {
      counts.set(name, (count ?? -1) + 1);
      path.push(String((count ?? -1) + 1));
    } else if (count !== undefined) path.push(String(count));
  }
  return path;
}

function keyParts(spelled: string): string[] {
  return [...spelled.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+)/g)].map(
    ([, basic, literal, bare]) => basic ?? literal ?? bare ?? '',
  );
}
