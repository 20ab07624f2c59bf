import type { SourceEntry } from '@pointsman/protocol/releases/source';
import { globMatcher, hasWildcard } from './glob.ts';
import { formatOf, type DocumentFormat } from '../parse/parse-document.ts';
import { RECIPE_PATH, type PlacedRecipe } from './recipe.ts';

/** A file that is parsed and emitted as canonical JSON. */
export interface SelectedDocument {
  readonly entry: SourceEntry;
  readonly format: DocumentFormat;
  /** Paths of the schemas that it must satisfy, all of them. Empty: its own `$schema` counts, if it has one. */
  readonly schemas: readonly string[];
}

export interface SelectedModule {
  readonly entry: SourceEntry;
  /** Where the bundled JavaScript is found. */
  readonly output: string;
}

export interface Selection {
  readonly documents: readonly SelectedDocument[];
  readonly modules: readonly SelectedModule[];
  readonly assets: readonly SourceEntry[];
}

/** Without a recipe: every JSON, YAML and TOML file is a document, the rest are assets. */
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
 * What a recipe makes of a source. The recipe itself, overlays and schemas (with all that they refer to) are inputs: no pattern
 * makes them part of the artifact. A file that is both a document and something else is a document; one that is a module's entry
 * and an asset is a module. A file that nothing matches is not part of the artifact: it may be a test, a note, or a module that
 * others import. A pattern without wildcards must match, since it is the name of one file; any other may match nothing.
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
            `${entry.path} is not JSON, YAML or TOML, so it cannot be a document`,
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
      placed.refuse(steps, 'unknown_format', 'a module is TypeScript or JavaScript');
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
