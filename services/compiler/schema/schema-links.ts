import { posix } from 'node:path';
import { resolve } from './schema-uris.ts';
import type { Json } from '@pointsman/protocol/json/canonical-json';
import { childOf, isObject, pointerStep } from '../parse/json-pointer.ts';

/** A reference in a schema to another schema. */
export interface SchemaLink {
  readonly pointer: string;
  /** The text of the reference in the schema. */
  readonly ref: string;
  /** The absolute URI of the referenced schema, without a fragment. */
  readonly uri: string;
}

const REFERENCE_KEYWORDS = ['$ref', '$dynamicRef', '$recursiveRef'] as const;

/**
 * Returns all references and all URIs in a schema. Some results may be data instead of references, for example an
 * object with a "$ref" in an `enum`. For this reason an unresolved reference is reported only if Ajv also fails on a
 * reference.
 */
export function schemaLinks(
  schema: Json,
  base: string,
  idKeyword: '$id' | 'id',
): { links: SchemaLink[]; ids: Set<string> } {
  const links: SchemaLink[] = [];
  const ids = new Set<string>([base]);
  const walk = (value: Json, outerBase: string, pointer: string): void => {
    if (Array.isArray(value))
      for (const [index, item] of value.entries())
        walk(item as Json, outerBase, pointer + pointerStep(index));
    if (!isObject(value)) return;
    const id = childOf(value, idKeyword);
    const inner = typeof id === 'string' && !id.startsWith('#') ? resolve(outerBase, id) : outerBase;
    ids.add(inner);
    for (const keyword of REFERENCE_KEYWORDS) {
      const ref = childOf(value, keyword);
      if (typeof ref === 'string')
        links.push({ pointer: `${pointer}/${keyword}`, ref, uri: resolve(inner, ref) });
    }
    for (const [key, member] of Object.entries(value)) walk(member, inner, pointer + pointerStep(key));
  };
  walk(schema, base, '');
  return { links, ids };
}

/**
 * Resolves a relative reference to a path in the source. Returns null if the reference is absolute, or leads outside
 * the source.
 */
export function pathOfLink(ref: string, fromPath: string): string | null {
  const [bare = ''] = ref.split('#');
  if (bare === '' || /^[a-z][a-z0-9+.-]*:/i.test(bare) || bare.startsWith('/')) return null;
  let decoded: string;
  try {
    decoded = decodeURIComponent(bare);
  } catch {
    return null;
  }
  const path = posix.join(posix.dirname(fromPath), decoded);
  return path.startsWith('../') || path === '..' ? null : path;
}
