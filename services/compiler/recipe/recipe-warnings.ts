import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { SourceEntry } from '@pointsman/protocol/releases/source';
import { findings } from '../findings.ts';
import { globMatcher } from './glob.ts';
import { type PlacedRecipe, RECIPE_PATH } from './recipe.ts';

/**
 * Returns warnings about valid input that is probably a mistake: patterns in pointsman.yaml that match no file, and
 * files of the source that are not used. At most `documentLimits.diagnostics` warnings are returned.
 * @param used the paths of all files that are in an artifact, or that the compiler has read
 */
export function recipeWarnings(
  entries: readonly SourceEntry[],
  { recipe, diagnose }: PlacedRecipe,
  used: ReadonlySet<string>,
): Diagnostic[] {
  const warnings = findings();
  const requireMatch = (pattern: string, steps: readonly (string | number)[]): void => {
    const matches = globMatcher(pattern);
    if (entries.some(({ path }) => matches(path))) return;
    warnings.add(diagnose(steps, 'matches_nothing', `no file of the source matches ${pattern}`));
  };
  for (const [index, { include }] of recipe.documents.entries())
    for (const [nth, pattern] of include.entries())
      requireMatch(pattern, ['documents', index, 'include', nth]);
  for (const [index, pattern] of recipe.assets.entries()) requireMatch(pattern, ['assets', index]);
  for (const [index, { from, to }] of recipe.references.entries()) {
    requireMatch(globOf(from), ['references', index, 'from']);
    // Without a "#", `to` matches paths of the artifact. They are not checked here, because a module has another path
    // in the artifact than in the source.
    if (to.includes('#')) requireMatch(globOf(to), ['references', index, 'to']);
  }
  for (const { path } of entries) {
    if (used.has(path)) continue;
    const message = 'nothing in pointsman.yaml selects this file, so it is not part of the artifact';
    warnings.add({ path, line: 1, column: 1, pointer: '', code: 'not_selected', message });
  }
  const { diagnostics, truncated } = warnings.result();
  if (!truncated) return diagnostics;
  const message = `more warnings were omitted after the first ${diagnostics.length}`;
  return [
    ...diagnostics,
    { path: RECIPE_PATH, line: 1, column: 1, pointer: '', code: 'more_warnings', message },
  ];
}

function globOf(reference: string): string {
  return reference.split('#', 1)[0] ?? '';
}
