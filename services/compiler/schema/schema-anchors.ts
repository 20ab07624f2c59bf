import type { Json } from '@pointsman/protocol/json/canonical-json';
import { isObject, pointerStep } from '../parse/json-pointer.ts';

const ANCHORS = ['$anchor', '$dynamicAnchor'] as const;
const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef'] as const;

/**
 * Returns the anchors of a schema, and the references to anchors, whose name is an inherited property of JavaScript
 * objects: `constructor`, `__proto__`, `toString` and others. Ajv stores anchors in plain objects, so it would
 * mistake the inherited property for an anchor.
 */
export function inheritedAnchors(schema: Json): { pointer: string; message: string }[] {
  const found: { pointer: string; message: string }[] = [];
  const check = (value: Json, pointer: string, nameOf: (text: string) => string | null): void => {
    const name = typeof value === 'string' ? nameOf(value) : null;
    if (name === null || !(name in {})) return;
    found.push({ pointer, message: `"${name}" can't be the name of an anchor` });
  };
  const walk = (value: Json, pointer: string): void => {
    if (typeof value !== 'object' || value === null) return;
    if (isObject(value)) {
      for (const keyword of ANCHORS)
        if (Object.hasOwn(value, keyword))
          check(value[keyword] ?? null, `${pointer}/${keyword}`, (text) => text);
      for (const keyword of REFERENCES)
        if (Object.hasOwn(value, keyword)) check(value[keyword] ?? null, `${pointer}/${keyword}`, anchorOf);
    }
    for (const [key, member] of Object.entries(value)) walk(member, pointer + pointerStep(key));
  };
  walk(schema, '');
  return found;
}

/** Returns the decoded fragment of a reference, or null if there is no valid fragment. */
function anchorOf(reference: string): string | null {
  const at = reference.indexOf('#');
  if (at < 0) return null;
  try {
    return decodeURIComponent(reference.slice(at + 1));
  } catch {
    return null;
  }
}
