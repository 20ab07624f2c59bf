import type { SourceEntry } from '@pointsman/protocol/releases/source';
import { globMatcher, hasWildcard } from './glob.ts';
import { formatOf, type DocumentFormat } from '../parse/parse-document.ts';
import { RECIPE_PATH, type PlacedRecipe } from './recipe.ts';

/** A file of the source that is parsed, and emitted as canonical JSON. */
export interface SelectedDocument {
  readonly entry: SourceEntry;
  readonly format: DocumentFormat;
  /**
   * The paths of the schemas, all of which must accept the document. If the list is empty, the schema that the
   * document names in `$schema` applies.
   */
  readonly schemas: readonly string[];
}

export interface SelectedModule {
  readonly entry: SourceEntry;
  /** The path of the bundled JavaScript in the artifact. */
  readonly output: string;
}

export interface Selection {
  readonly documents: readonly SelectedDocument[];
  readonly modules: readonly SelectedModule[];
  readonly assets: readonly SourceEntry[];
}

/**
 * Selects the files of a source without a recipe. JSON, YAML and TOML files are documents. All other files are
 * assets.
 */
export function selectEverything(entries: readonly SourceEntry[]): Selection {
  const documents: SelectedDocument[] = [];
  const assets: SourceEntry[] = [];
  for (const entry of entries) {
    const format = formatOf(entry.path);
    if (format) documents.push({ entry, format, schemas: [] });
    else assets.push(entry);
  }
  return { documents, modules: [], assets };
}

/**
 * Selects the files of a source by its recipe.
 *
 * - The recipe, the overlays, the schemas, and all files to which the schemas refer are inputs. They are not part of
 *   the artifact, even if a pattern matches them.
 * - A file that is selected as both a document and a module is a document. A file that is selected as both a module
 *   and an asset is a module.
 * - A file that is not selected is not part of the artifact. For example, it may be a test, a note, or a module that
 *   other modules import.
 * - A pattern without wildcards must match a file. Other patterns may match nothing.
 */
export function selectByRecipe(
  entries: readonly SourceEntry[],
  placed: PlacedRecipe,
  schemaPaths: ReadonlySet<string>,
): Selection {
  const { recipe } = placed;
  const inputs = new Set([RECIPE_PATH, ...Object.values(recipe.overlays), ...schemaPaths]);
  const outputs = entries.filter((entry) => !inputs.has(entry.path));
  const documents = selectDocuments(outputs, placed);
  const taken = new Set(documents.map((document) => document.entry.path));
  const modules = selectModules(entries, placed).filter(({ entry }) => !taken.has(entry.path));
  for (const { entry } of modules) taken.add(entry.path);
  const rest = outputs.filter((entry) => !taken.has(entry.path));
  const assets = new Set<SourceEntry>();
  for (const [index, pattern] of recipe.assets.entries()) {
    const matches = globMatcher(pattern);
    for (const entry of rest) if (matches(entry.path)) assets.add(entry);
    requireNamed(placed, entries, pattern, ['assets', index]);
  }
  return { documents, modules, assets: [...assets] };
}

function selectDocuments(outputs: readonly SourceEntry[], placed: PlacedRecipe): SelectedDocument[] {
  const schemasByEntry = new Map<SourceEntry, Set<string>>();
  for (const [index, { include, schema }] of placed.recipe.documents.entries()) {
    for (const [nth, pattern] of include.entries()) {
      const steps = ['documents', index, 'include', nth];
      requireNamed(placed, outputs, pattern, steps);
      const matches = globMatcher(pattern);
      for (const entry of outputs) {
        if (!matches(entry.path)) continue;
        if (!formatOf(entry.path)) {
          placed.refuse(
            steps,
            'unknown_format',
            `${entry.path} cannot be a document: it is not JSON, YAML or TOML`,
          );
          continue;
        }
        const schemas = schemasByEntry.get(entry) ?? new Set();
        if (schema !== undefined) schemas.add(schema);
        schemasByEntry.set(entry, schemas);
      }
    }
  }
  return [...schemasByEntry].map(([entry, schemas]) => ({
    entry,
    format: formatOf(entry.path) ?? 'json',
    schemas: [...schemas].toSorted(),
  }));
}

function selectModules(entries: readonly SourceEntry[], placed: PlacedRecipe): SelectedModule[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const modules = new Map<string, SelectedModule>();
  for (const [index, { entry: path }] of placed.recipe.modules.entries()) {
    const entry = byPath.get(path);
    const steps = ['modules', index, 'entry'];
    if (!entry) placed.refuse(steps, 'file_missing', `${path} is not in the source`);
    else if (!/\.[cm]?[jt]sx?$/.test(path))
      placed.refuse(steps, 'unknown_format', 'a module must be TypeScript or JavaScript');
    else modules.set(path, { entry, output: path.replace(/\.[cm]?[jt]sx?$/, '.js') });
  }
  return [...modules.values()];
}

function requireNamed(
  placed: PlacedRecipe,
  entries: readonly SourceEntry[],
  pattern: string,
  steps: readonly (string | number)[],
): void {
  if (hasWildcard(pattern) || entries.some((entry) => entry.path === pattern)) return;
  placed.refuse(steps, 'file_missing', `${pattern} is not in the source`);
}
