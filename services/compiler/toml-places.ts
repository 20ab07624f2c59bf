import { pointerSteps } from './json-pointer.ts';

/**
 * Best effort: the line whose table header and key spell most of the pointer. It reads line by line and knows headers, arrays of
 * tables and dotted or quoted keys, but not the inside of inline tables, lists and multi-line strings: what is in there is placed
 * at the key that holds it.
 */
export function locateInToml(text: string, pointer: string): number {
  const wanted = pointerSteps(pointer) ?? [];
  const tableCounts = new Map<string, number>();
  let table: string[] = [];
  let best = { offset: 0, steps: 0 };
  for (const match of text.matchAll(/^([ \t]*)(.*)$/gm)) {
    const line = match[2] ?? '';
    const offset = match.index + (match[1]?.length ?? 0);
    const header = /^(\[\[?)([^[\]]+)\]/.exec(line);
    let path: string[];
    if (header) {
      table = withIndexes(keyParts(header[2] ?? ''), header[1] === '[[', tableCounts);
      path = table;
    } else {
      const key =
        /^((?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*'))*)[ \t]*=/.exec(
          line,
        );
      if (!key) continue;
      path = [...table, ...keyParts(key[1] ?? '')];
    }
    const steps = path.every((step, depth) => wanted[depth] === step) ? path.length : 0;
    if (steps > best.steps) best = { offset, steps };
  }
  return best.offset;
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
