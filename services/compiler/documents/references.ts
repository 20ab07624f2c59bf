import { globMatcher, globProblem } from '../recipe/glob.ts';
import { pointerSteps } from '../parse/json-pointer.ts';
import type { PlacedRecipe } from '../recipe/recipe.ts';
import type { ReferenceValue } from './reference-values.ts';

/**
 * A rule of the recipe: every value that `from` selects must be equal to a value that `to` selects. Each side has the
 * form `glob#pattern`: a glob over document paths, and a JSON Pointer pattern. If `to` has no `#`, its values are the
 * paths of the artifact's files. A document can in this way refer to an asset or a module.
 */
export interface Reference {
  readonly from: {
    readonly glob: string;
    readonly matches: (path: string) => boolean;
    readonly pointer: string;
  };
  readonly to: {
    readonly glob: string;
    readonly matches: (path: string) => boolean;
    readonly pointer: string | null;
  };
}

/** A value that `from` selects and that is not a valid reference. */
export interface Dangling {
  readonly path: string;
  readonly pointer: string;
  readonly code: 'reference_missing' | 'reference_not_scalar';
  readonly message: string;
}

export interface ReferringDocument {
  readonly path: string;
  /** The values that each pointer pattern selects in this document, by pattern. */
  readonly values: { readonly [pattern: string]: readonly ReferenceValue[] };
}

/** Parses the references of the recipe. Invalid references are reported and omitted. */
export function readReferences({ recipe, refuse }: PlacedRecipe): Reference[] {
  return recipe.references.flatMap(({ from, to }, index) => {
    const left = sideOf(from);
    const right = sideOf(to);
    const wrong = 'must be a glob, "#" and a JSON Pointer ("*" matches every item)';
    if (!left || left.pointer === null) refuse(['references', index, 'from'], 'invalid_field', wrong);
    if (!right) refuse(['references', index, 'to'], 'invalid_field', `${wrong}, or a glob alone`);
    return left && left.pointer !== null && right
      ? [{ from: { ...left, pointer: left.pointer }, to: right }]
      : [];
  });
}

function sideOf(spelled: string): Reference['to'] | null {
  const at = spelled.indexOf('#');
  const glob = at < 0 ? spelled : spelled.slice(0, at);
  const pointer = at < 0 ? null : spelled.slice(at + 1);
  if (glob === '' || globProblem(glob) !== null || (pointer !== null && pointerSteps(pointer) === null))
    return null;
  return { glob, matches: globMatcher(glob), pointer };
}

/** Returns the pointer patterns of all references that apply to the document with this path. */
export function patternsFor(references: readonly Reference[], path: string): string[] {
  const patterns = new Set<string>();
  for (const { from, to } of references) {
    if (from.matches(path)) patterns.add(from.pointer);
    if (to.pointer !== null && to.matches(path)) patterns.add(to.pointer);
  }
  return [...patterns].toSorted();
}

/**
 * Finds the values in one artifact that `from` selects, but `to` does not. Values are compared as canonical JSON. If
 * a document that `to` matches has errors, its values are unknown. In that case no value is reported as missing.
 * @param paths the paths of the artifact's files
 * @param faulty the paths of the documents with errors
 */
export function danglingReferences(
  references: readonly Reference[],
  documents: readonly ReferringDocument[],
  { paths, faulty }: { readonly paths: readonly string[]; readonly faulty: readonly string[] },
): Dangling[] {
  return references.flatMap(({ from, to }) => {
    const existing = new Set<string>();
    if (to.pointer === null)
      for (const path of [...paths, ...faulty]) if (to.matches(path)) existing.add(JSON.stringify(path));
    for (const document of documents) {
      if (to.pointer === null || !to.matches(document.path)) continue;
      for (const [, text] of document.values[to.pointer] ?? []) if (text !== null) existing.add(text);
    }
    const isUnknown = to.pointer !== null && faulty.some(to.matches);
    const right = to.pointer === null ? to.glob : `${to.glob}#${to.pointer}`;
    return documents
      .filter((document) => from.matches(document.path))
      .flatMap(({ path, values }) =>
        (values[from.pointer] ?? []).flatMap(([pointer, text]): Dangling[] => {
          if (text === null) {
            const message =
              'a reference must be a single value; for the items of a list, add "/*" to the pattern';
            return [{ path, pointer, code: 'reference_not_scalar', message }];
          }
          if (isUnknown || existing.has(text)) return [];
          const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
          return [
            { path, pointer, code: 'reference_missing', message: `${shown} does not exist in ${right}` },
          ];
        }),
      );
  });
}
