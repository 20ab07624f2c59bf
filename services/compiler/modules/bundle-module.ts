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
/** The code of an import that means nothing inside the source. */
const OUTSIDE = 'module_import';
/** `require` becomes this name, so that it means nothing to the bundler and can be found in what comes out. */
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
 * Bundles one entry into an ES module. Everything that the bundler reads comes through the plugin, which knows the files of the
 * source and nothing else: no disk, no tsconfig, no package. Nothing is executed. The bundler is a process of its own, started for
 * this and stopped after it, so no other source meets its end. It is tried once more, since somebody may have killed it.
 */
export async function bundleModule(entry: string, files: SourceFiles): Promise<BundledModule> {
  const first = await tryToBundle(entry, files);
  const made = first === 'died' ? await tryToBundle(entry, files) : first;
  if (made !== 'died') return made;
  const message = 'the bundler needs too much memory or time for this module; split or simplify it';
  return { problems: [atStart(entry, 'module_unbundlable', message)] };
}

async function tryToBundle(entry: string, files: SourceFiles): Promise<BundledModule | 'died'> {
  const probes: Probe[] = [[entry, files.find(entry)?.digest ?? null]];
  const problems: Diagnostic[] = [];
  const unread: unknown[] = [];
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
      plugins: [confine(notingFailures(files, unread), probes, problems)],
    });
    if (problems.length > 0) return { problems };
    const code = result.outputFiles[0]?.text ?? '';
    const strangers = Object.keys(result.metafile.inputs).filter(
      (input) => !input.startsWith(`${NAMESPACE}:`),
    );
    if (strangers.length > 0)
      return { problems: [atStart(entry, OUTSIDE, 'the module reaches out of the source')] };
    if (code.includes(NO_REQUIRE)) return { problems: [requireProblem(entry, probes, files)] };
    return { code, probes };
  } catch (error) {
    // The bundler reports a failed read as an error of the module. It is none.
    if (unread.length > 0) throw unread[0];
    const { errors } = error as Partial<BuildFailure>;
    if (!Array.isArray(errors)) return 'died';
    return { problems: [...problems, ...errors.map((message) => problemOf(message, entry))] };
  } finally {
    await stop();
  }
}

/** The same files; why they could not be read is added to `failures`. */
function notingFailures(files: SourceFiles, failures: unknown[]): SourceFiles {
  const read = async (paths: readonly string[]): Promise<void> => {
    try {
      await files.read(paths);
    } catch (error) {
      failures.push(error);
      throw error;
    }
  };
  return { ...files, read };
}

function confine(files: SourceFiles, probes: Probe[], problems: Diagnostic[]): Plugin {
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
    problems.push(atStart(path, 'invalid_utf8', 'this file is not UTF-8'));
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
  // The bundler counts bytes from 0.
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString();
  return { path, line: location.line, column: before.length + 1, pointer: '', code, message: text };
}

function requireProblem(entry: string, probes: readonly Probe[], files: SourceFiles): Diagnostic {
  const message = 'there is no require() here; use import';
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
