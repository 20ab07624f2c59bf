import type { ArtifactFile } from '@pointsman/protocol/artifacts/oci';
import { fileAsFolder, type SourceEntry } from '@pointsman/protocol/releases/source';
import { assetMediaType } from './asset-media-type.ts';
import { compileDocuments } from './documents/compile-documents.ts';
import type {
  ChannelDocument,
  ChannelDocuments,
  DocumentFacts,
  DocumentJob,
} from './documents/compile-document.ts';
import { compileModules } from './modules/compile-modules.ts';
import { documentSchemas, type DocumentSchema, type DocumentSchemas } from './schema/document-schemas.ts';
import { emitArtifacts } from './emit-artifacts.ts';
import { findings } from './findings.ts';
import type { Findings } from './findings.ts';
import { type CompileOutput, compileOutput, type MadeBlob } from './made-blobs.ts';
import { periodicYield } from './orphaned-work.ts';
import { readOverlays } from './documents/overlays.ts';
import type { Patches } from './documents/overlays.ts';
import { readRecipe, RECIPE_PATH } from './recipe/recipe.ts';
import type { PlacedRecipe } from './recipe/recipe.ts';
import { recipeWarnings } from './recipe/recipe-warnings.ts';
import { patternsFor, readReferences, type Reference } from './documents/references.ts';
import { reportDangling } from './documents/report-dangling.ts';
import { selectByRecipe, selectEverything, type Selection } from './recipe/select-files.ts';
import { sourceFiles, type SourceFiles } from './source-files.ts';
import type { Ask, ProcessResult } from './process/compile-protocol.ts';

interface Plan {
  /** The parsed recipe (pointsman.yaml). The value is null if the source has no recipe. */
  readonly placed: PlacedRecipe | null;
  readonly selection: Selection;
  readonly references: readonly Reference[];
  readonly patches: Patches;
  /**
   * The schemas that pointsman.yaml assigns to documents, by path. A schema is null if it is invalid; the diagnostics
   * then already contain the reason.
   */
  readonly namedSchemas: ReadonlyMap<string, DocumentSchema | null>;
  /** The paths of the files that configure the compilation. These files are not part of the artifact. */
  readonly inputs: readonly string[];
}

/**
 * Compiles one source: reads the recipe, compiles the documents, bundles the modules, checks the references, and
 * emits the artifacts. After an error it continues with the parts that do not depend on the faulty part, so that one
 * compilation reports as many errors as possible. It never executes code from the source.
 */
export async function compileSource(
  entries: readonly SourceEntry[],
  ask: Ask,
): Promise<ProcessResult<readonly MadeBlob[]>> {
  const found = findings();
  const output = compileOutput();
  const files = sourceFiles(entries, ask);
  const schemas = documentSchemas(files, found);
  const plan = await planCompilation(files, schemas, found);
  const used = new Set(plan?.inputs);
  const artifacts = plan && (await compilePlan(plan, files, { schemas, found, output, used }, ask));
  const rest = { made: output.blobs(), cacheEntries: output.cacheEntries };
  if (!artifacts || !found.isEmpty()) return { kind: 'invalid', ...found.result(), ...rest };
  const warnings = plan.placed === null ? [] : recipeWarnings(entries, plan.placed, used);
  return { kind: 'compiled', artifacts, warnings, ...rest };
}

async function planCompilation(
  files: SourceFiles,
  schemas: DocumentSchemas,
  found: Findings,
): Promise<Plan | null> {
  if (!files.find(RECIPE_PATH)) {
    refuseMisnamed(files, found);
    return {
      placed: null,
      selection: selectEverything(files.entries),
      references: [],
      patches: new Map(),
      namedSchemas: new Map(),
      inputs: [],
    };
  }
  await files.read([RECIPE_PATH]);
  const placed = readRecipe(files.contentOf(RECIPE_PATH), found);
  if (!placed) return null;
  const { namedSchemas, schemaPaths } = await readNamedSchemas(placed, files, schemas);
  const selection = selectByRecipe(files.entries, placed, schemaPaths);
  const documentPaths = new Set(selection.documents.map((document) => document.entry.path));
  const patches = await readOverlays(placed, files, documentPaths, found);
  const inputs = [RECIPE_PATH, ...Object.values(placed.recipe.overlays), ...schemaPaths];
  return { placed, selection, references: readReferences(placed), patches, namedSchemas, inputs };
}

/** Reports a recipe file with a wrong extension. Otherwise the file would be ignored silently. */
function refuseMisnamed(files: SourceFiles, found: Findings): void {
  for (const path of ['pointsman.yml', 'pointsman.json', 'pointsman.toml']) {
    if (!files.find(path)) continue;
    const message = `this file is ignored; rename it to ${RECIPE_PATH}`;
    found.add({ path, line: 1, column: 1, pointer: '', code: 'misnamed_recipe', message });
  }
}

async function readNamedSchemas(placed: PlacedRecipe, files: SourceFiles, schemas: DocumentSchemas) {
  const namedSchemas = new Map<string, DocumentSchema | null>();
  const schemaPaths = new Set<string>();
  const yieldIfDue = periodicYield();
  for (const [index, { schema }] of placed.recipe.documents.entries()) {
    if (schema === undefined) continue;
    if (!files.find(schema))
      placed.refuse(['documents', index, 'schema'], 'file_missing', `${schema} is not in the source`);
    namedSchemas.set(schema, await schemas.byPath(schema));
    schemaPaths.add(schema);
    for (const path of await schemas.filesOf(schema)) schemaPaths.add(path);
    await yieldIfDue();
  }
  return { namedSchemas, schemaPaths };
}

async function compilePlan(
  plan: Plan,
  files: SourceFiles,
  tools: {
    schemas: DocumentSchemas;
    found: Findings;
    output: CompileOutput;
    used: Set<string>;
  },
  ask: Ask,
) {
  const { selection, references, patches, namedSchemas } = plan;
  const jobs = jobsOf(plan);
  const facts = await compileDocuments(jobs, tools, ask);
  // Also compiles the schemas that are not used by any document, to report errors in them.
  const used = new Set(selection.documents.flatMap((document) => document.schemas));
  const yieldIfDue = periodicYield();
  for (const [path, schema] of namedSchemas) {
    if (!used.has(path)) schema?.validator();
    await yieldIfDue();
  }
  const modules = await compileModules(selection.modules, files, ask, tools);
  const assets = selection.assets.map(({ path, digest, size }) => ({
    path,
    digest,
    size,
    mediaType: assetMediaType(path),
  }));
  const others: ArtifactFile[] = [...modules, ...assets];
  await noteUsed(selection, facts, tools);
  const channels = variantsOf(jobs, facts, [null, ...patches.keys()]);
  const otherPaths = [...selection.modules.map(({ output }) => output), ...assets.map(({ path }) => path)];
  await reportDangling(references, channels, otherPaths, files, tools.found);
  refuseCollisions(channels[0]?.documents.map(({ path }) => path) ?? [], others, tools.found);
  return emitArtifacts(channels, others, tools.output, tools.found);
}

/**
 * Adds the paths of the documents, the assets, and the schemas that documents name in `$schema` to `used`.
 * `compileModules` adds the files of the modules. A file that is not in `used` causes a warning.
 */
async function noteUsed(
  { documents, assets }: Selection,
  facts: readonly (DocumentFacts | null)[],
  { schemas, used }: { schemas: DocumentSchemas; used: Set<string> },
): Promise<void> {
  for (const { entry } of documents) used.add(entry.path);
  for (const { path } of assets) used.add(path);
  const named = new Set(facts.flatMap((one) => (one?.own ? [one.own.name] : [])));
  for (const name of named) for (const path of await schemas.filesOf(name)) used.add(path);
}

/** Creates one job without a patch for each document, and one more job for each channel that patches the document. */
function jobsOf({ selection, references, patches, namedSchemas }: Plan): DocumentJob[] {
  const jobs: DocumentJob[] = [];
  for (const selected of selection.documents) {
    const named = selected.schemas.map((path) => namedSchemas.get(path) ?? null);
    const schemas = named.includes(null) ? null : named.filter((schema) => schema !== null);
    const base = { selected, schemas, patterns: patternsFor(references, selected.entry.path) };
    jobs.push({ ...base, patch: null });
    for (const byPath of patches.values()) {
      const patch = byPath.get(selected.entry.path);
      if (patch) jobs.push({ ...base, patch });
    }
  }
  return jobs;
}

function variantsOf(
  jobs: readonly DocumentJob[],
  facts: readonly (DocumentFacts | null)[],
  channels: readonly (string | null)[],
): ChannelDocuments[] {
  return channels.map((channel) => {
    const byPath = new Map<string, ChannelDocument>();
    const faulty = new Set<string>();
    for (const [index, job] of jobs.entries()) {
      if (job.patch !== null && job.patch.channel !== channel) continue;
      const made = facts[index];
      const { path } = job.selected.entry;
      // The unpatched job of a document precedes its patched jobs. For a channel with a patch, the patched result
      // therefore replaces the unpatched one.
      if (made) {
        byPath.set(path, { path, facts: made, job });
        faulty.delete(path);
      } else {
        byPath.delete(path);
        faulty.add(path);
      }
    }
    return { channel, documents: [...byPath.values()], faulty: [...faulty] };
  });
}

function refuseCollisions(
  documentPaths: readonly string[],
  others: readonly ArtifactFile[],
  found: Findings,
): void {
  const taken = new Set(documentPaths);
  for (const { path } of others) {
    const message = 'two files of the artifact have this path; a module is emitted as .js';
    if (taken.has(path))
      found.add({ path, line: 1, column: 1, pointer: '', code: 'path_collision', message });
    taken.add(path);
  }
  for (const path of taken) {
    const parent = fileAsFolder(path, taken);
    if (parent === null) continue;
    const message = `${parent} is a file of the artifact, so it cannot contain other files; a module is emitted as .js`;
    found.add({ path, line: 1, column: 1, pointer: '', code: 'path_collision', message });
  }
}
