import type { z } from 'zod';
import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { documentLimits } from '@pointsman/protocol/limits';
import { firstIssues, messageOf } from '@pointsman/protocol/json/schema-issues';
import type { Findings } from '../findings.ts';
import { pointerTo } from '../parse/json-pointer.ts';
import { parseDocument, type ParsedDocument } from '../parse/parse-document.ts';
import { type Recipe, RecipeSchema } from './recipe-schema.ts';

/** The path of the recipe in the source. The recipe configures the compilation of the source. */
export const RECIPE_PATH = 'pointsman.yaml';

/**
 * The recipe, and functions that report errors which are found later. `steps` is the position of an error in the
 * recipe.
 */
export interface PlacedRecipe {
  readonly recipe: Recipe;
  readonly refuse: (steps: readonly (string | number)[], code: string, message: string) => void;
  /** Creates a diagnostic without adding it to the findings. */
  readonly diagnose: (steps: readonly (string | number)[], code: string, message: string) => Diagnostic;
}

/** Parses pointsman.yaml. Returns null if the file has errors, which are added to the findings. */
export function readRecipe(bytes: Uint8Array, found: Findings): PlacedRecipe | null {
  const document = parseDocument(RECIPE_PATH, 'yaml', bytes);
  const diagnose: PlacedRecipe['diagnose'] = (steps, code, message) =>
    document.diagnose({ pointer: pointerTo(steps), code, message, offset: null });
  const refuse: PlacedRecipe['refuse'] = (...problem) => found.add(diagnose(...problem));
  if (document.problems.length > 0) {
    for (const problem of document.problems) found.add(document.diagnose(problem));
    return null;
  }
  const read = RecipeSchema.safeParse(document.value);
  if (read.success) return { recipe: read.data, refuse, diagnose };
  // Reads one error more than the limit. The findings then mark the result as truncated.
  const issues = firstIssues(read, documentLimits.diagnostics + 1);
  for (const issue of issues) addIssue(issue, document, refuse, found);
  return null;
}

function addIssue(
  issue: z.core.$ZodIssue,
  document: ParsedDocument,
  refuse: PlacedRecipe['refuse'],
  found: Findings,
): void {
  const steps = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code !== 'unrecognized_keys') {
    refuse(steps, 'invalid_field', messageOf(issue));
    return;
  }
  for (const key of issue.keys.slice(0, documentLimits.diagnostics + 1)) {
    const pointer = pointerTo([...steps, key]);
    const offset = document.locate(pointer, true);
    found.add(
      document.diagnose({ pointer, code: 'unknown_field', message: `the field "${key}" is unknown`, offset }),
    );
  }
}
