import {
  build,
  stop,
  type BuildFailure,
  type Loader,
  type Message,
  type OnLoadResult,
  type Plugin,
} from 'esbuild';
import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { guardJson, guardModule } from './module-guard.ts';
import { resolveImport, type Probe } from './module-resolution.ts';
import type { SourceFiles } from '../source-files.ts';
import { placeIn } from '../parse/text-places.ts';

export type BundledModule =
  { readonly code: string; readonly probes: readonly Probe[] } | { readonly problems: readonly Diagnostic[] };

const NAMESPACE = 'source';
/** The diagnostic code of an import that does not refer to a file of the source. */
const OUTSIDE = 'module_import';
/**
 * The bundler replaces `require` by this name. It then does not resolve calls of `require`, and the name in the
 * output shows that the module uses `require`.
 */
const NO_REQUIRE = '__pointsman_no_require';

const loaders: { readonly [ending: string]: Loader } = {
  ts: 'ts',
  mts: 'ts',
  cts: 'ts',
  tsx: 'tsx',
  js: 'js',
  mjs: 'js',
  cjs: 'js',
  jsx: 'jsx',
  json: 'json',
  md: 'text',
  txt: 'text',
};

/**
 * Bundles one entry file and its imports into an ES module. A plugin resolves and loads all files, and provides only
 * files of the source. The bundler therefore reads no disk, no tsconfig and no packages. It does not execute code
 * from the source.
 *
 * A separate bundler process is started for each module, so its death affects no other source. If it dies, the
 * module is bundled a second time, because the process may have been killed from outside.
 */
export async function bundleModule(entry: string, files: SourceFiles): Promise<BundledModule> {
  const first = await tryToBundle(entry, files);
  const made = first === 'died' ? await tryToBundle(entry, files) : first;
  if (made !== 'died') return made;
  const message = 'bundling this module exceeds the limit of memory or time; split or simplify it';
  return { problems: [atStart(entry, 'module_unbundlable', message)] };
}

async function tryToBundle(entry: string, files: SourceFiles): Promise<BundledModule | 'died'> {
  const probes: Probe[] = [[entry, files.find(entry)?.digest ?? null]];
  const problems: Diagnostic[] = [];
  const readErrors: unknown[] = [];
  try {
    const result = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2022',
      charset: 'utf8',
      legalComments: 'inline',
      logLevel: 'silent',
      logLimit: 0,
      tsconfigRaw: '{}',
      define: { require: NO_REQUIRE },
      outdir: '/',
      absWorkingDir: '/',
      plugins: [sourcePlugin(recordingErrors(files, readErrors), probes, problems)],
    });
    if (problems.length > 0) return { problems };
    const code = result.outputFiles[0]?.text ?? '';
    const foreignInputs = Object.keys(result.metafile.inputs).filter(
      (input) => !input.startsWith(`${NAMESPACE}:`),
    );
    if (foreignInputs.length > 0)
      return { problems: [atStart(entry, OUTSIDE, 'the module uses files outside the source')] };
    if (code.includes(NO_REQUIRE)) return { problems: [requireProblem(entry, probes, files)] };
    return { code, probes };
  } catch (error) {
    // The bundler turns a failed read into an error of the module. The read error is rethrown, because it is not a
    // fault of the source.
    if (readErrors.length > 0) throw readErrors[0];
    const { errors } = error as Partial<BuildFailure>;
    if (!Array.isArray(errors)) return 'died';
    return { problems: [...problems, ...errors.map((message) => problemOf(message, entry))] };
  } finally {
    await stop();
  }
}

/** Returns the same files, with a `read` that also adds each of its errors to `errors`. */
function recordingErrors(files: SourceFiles, errors: unknown[]): SourceFiles {
  const read = async (paths: readonly string[]): Promise<void> => {
    try {
      await files.read(paths);
    } catch (error) {
      errors.push(error);
      throw error;
    }
  };
  return { ...files, read };
}

function sourcePlugin(files: SourceFiles, probes: Probe[], problems: Diagnostic[]): Plugin {
  return {
    name: 'source',
    setup: (bundler) => {
      bundler.onResolve({ filter: /.*/ }, ({ path, kind, importer }) => {
        if (kind === 'entry-point') return { path, namespace: NAMESPACE };
        const resolution = resolveImport(files, importer, path, probes);
        if ('problem' in resolution) return { errors: [{ text: resolution.problem, detail: OUTSIDE }] };
        return { path: resolution.path, namespace: NAMESPACE };
      });
      bundler.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => load(path, files, problems));
    },
  };
}

async function load(path: string, files: SourceFiles, problems: Diagnostic[]): Promise<OnLoadResult> {
  const nothing: OnLoadResult = { contents: '', loader: 'js' };
  const loader = loaders[/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ''];
  if (!loader) {
    problems.push(
      atStart(path, 'unknown_format', 'only TypeScript, JavaScript, JSON and text can be imported'),
    );
    return nothing;
  }
  await files.read([path]);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(files.contentOf(path));
  } catch {
    problems.push(atStart(path, 'invalid_utf8', 'this file is not valid UTF-8'));
    return nothing;
  }
  const refusal = guardsOf(loader)(text);
  if (!refusal) return { contents: text, loader };
  const { code, message, offset } = refusal;
  problems.push({ path, ...placeIn(text)(offset), pointer: '', code, message });
  return nothing;
}

function guardsOf(loader: Loader): (text: string) => ReturnType<typeof guardModule> {
  if (loader === 'text') return () => null;
  return loader === 'json' ? guardJson : guardModule;
}

function problemOf({ location, text, detail }: Message, entry: string): Diagnostic {
  const code = detail === OUTSIDE ? OUTSIDE : 'module_syntax';
  if (!location) return atStart(entry, code, text);
  const path = location.file.startsWith(`${NAMESPACE}:`) ? location.file.slice(NAMESPACE.length + 1) : entry;
  // The bundler's column is a byte offset that starts at 0.
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString();
  return { path, line: location.line, column: before.length + 1, pointer: '', code, message: text };
}

function requireProblem(entry: string, probes: readonly Probe[], files: SourceFiles): Diagnostic {
  const message = 'require() is not supported; use import';
  for (const [path, digest] of probes) {
    if (digest === null || !/\.[cm]?[jt]sx?$/.test(path)) continue;
    const text = new TextDecoder().decode(files.contentOf(path));
    const at = text.search(/\brequire\b/);
    if (at >= 0) return { path, ...placeIn(text)(at), pointer: '', code: 'module_require', message };
  }
  return atStart(entry, 'module_require', message);
}

function atStart(path: string, code: string, message: string): Diagnostic {
  return { path, line: 1, column: 1, pointer: '', code, message };
}
