import { artifactLimits } from '@pointsman/protocol/limits';
import { mediaTypes, type ArtifactFile } from '@pointsman/protocol/artifacts/oci';
import { bundleModule, type BundledModule } from './bundle-module.ts';
import type { Findings } from '../findings.ts';
import type { CompileOutput } from '../made-blobs.ts';
import type { Probe } from './module-resolution.ts';
import type { SelectedModule } from '../recipe/select-files.ts';
import type { SourceFiles } from '../source-files.ts';
import type { Ask } from '../process/compile-protocol.ts';

interface ModuleFacts {
  readonly digest: string;
  readonly size: number;
  readonly probes: readonly Probe[];
}

/**
 * Bundles the modules, one after the other. A cached module is reused if its imports resolve to the same files with
 * the same contents. For this check, the cache entry lists every path that was tried for an import, and whether it
 * existed. The function adds the paths of all bundled files to `used`.
 */
export async function compileModules(
  modules: readonly SelectedModule[],
  files: SourceFiles,
  ask: Ask,
  { output, found, used }: { output: CompileOutput; found: Findings; used: Set<string> },
): Promise<ArtifactFile[]> {
  const keys = modules.map(({ entry }) => `module/${entry.path}/${entry.digest}`);
  const given = await ask(
    modules.map(({ entry }, index) => ({ key: keys[index] ?? null, digest: entry.digest })),
  );
  const compiled: ArtifactFile[] = [];
  for (const [index, { entry, output: outputPath }] of modules.entries()) {
    if (output.isFull()) break;
    const known = given[index]?.facts;
    const remembered = known ? (JSON.parse(known) as ModuleFacts) : null;
    let facts = remembered?.probes.every(([path, digest]) => (files.find(path)?.digest ?? null) === digest)
      ? remembered
      : null;
    if (facts) output.addCached(facts);
    else {
      const bundled = await bundleModule(entry.path, files);
      if ('problems' in bundled) {
        for (const problem of bundled.problems) found.add(problem);
        continue;
      }
      facts = keep(bundled, keys[index] ?? '', output);
    }
    if (!facts || output.isFull()) {
      refuseTooMuch(entry.path, found);
      break;
    }
    for (const [path, digest] of facts.probes) if (digest !== null) used.add(path);
    compiled.push({ path: outputPath, digest: facts.digest, size: facts.size, mediaType: mediaTypes.module });
  }
  return compiled;
}

/** Adds the bundled module to the output and to the cache. Returns null if the total output exceeds its size limit. */
function keep(
  { code, probes }: Extract<BundledModule, { readonly code: string }>,
  key: string,
  output: CompileOutput,
): ModuleFacts | null {
  const made = output.blob(code, mediaTypes.module);
  if (!made) return null;
  const facts = { digest: made.digest, size: made.size, probes };
  output.cache({ key, facts: JSON.stringify(facts), digest: made.digest });
  return facts;
}

function refuseTooMuch(path: string, found: Findings): void {
  const message = `with this module the output exceeds ${artifactLimits.madeBytes} bytes`;
  found.add({ path, line: 1, column: 1, pointer: '', code: 'output_too_large', message });
}
