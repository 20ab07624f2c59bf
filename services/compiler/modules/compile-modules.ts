import { artifactLimits } from '@pointsman/protocol/limits';
import { mediaTypes, type ArtifactFile } from '@pointsman/protocol/artifacts/oci';
import { bundleModule, type BundledModule } from './bundle-module.ts';
import type { Findings } from '../findings.ts';
import type { Making } from '../made-blobs.ts';
import type { Probe } from './module-resolution.ts';
import type { SelectedModule } from '../recipe/select-files.ts';
import type { SourceFiles } from '../source-files.ts';
import { COMPILER_VERSION, type Ask } from '../process/compile-protocol.ts';

interface ModuleFacts {
  readonly digest: string;
  readonly size: number;
  readonly probes: readonly Probe[];
}

/**
 * Bundles the modules, one after the other. One is taken over when every file that its imports met, or missed, is as it was. The paths of
 * all files that went into them are added to `used`.
 */
export async function compileModules(
  modules: readonly SelectedModule[],
  files: SourceFiles,
  ask: Ask,
  { making, found, used }: { making: Making; found: Findings; used: Set<string> },
): Promise<ArtifactFile[]> {
  const keys = modules.map(({ entry }) => `module/${COMPILER_VERSION}/${entry.path}/${entry.digest}`);
  const given = await ask(
    modules.map(({ entry }, index) => ({ key: keys[index] ?? null, digest: entry.digest })),
  );
  const compiled: ArtifactFile[] = [];
  for (const [index, { entry, output }] of modules.entries()) {
    if (making.isFull()) break;
    const known = given[index]?.facts;
    const remembered = known ? (JSON.parse(known) as ModuleFacts) : null;
    let facts = remembered?.probes.every(([path, digest]) => (files.find(path)?.digest ?? null) === digest)
      ? remembered
      : null;
    if (facts) making.takeOver(facts);
    else {
      const bundled = await bundleModule(entry.path, files);
      if ('problems' in bundled) {
        for (const problem of bundled.problems) found.add(problem);
        continue;
      }
      facts = keep(bundled, keys[index] ?? '', making);
    }
    if (!facts || making.isFull()) {
      refuseTooMuch(entry.path, found);
      break;
    }
    for (const [path, digest] of facts.probes) if (digest !== null) used.add(path);
    compiled.push({ path: output, digest: facts.digest, size: facts.size, mediaType: mediaTypes.module });
  }
  return compiled;
}

/** Null when it does not fit. */
function keep(
  { code, probes }: Extract<BundledModule, { readonly code: string }>,
  key: string,
  making: Making,
): ModuleFacts | null {
  const made = making.blob(code, mediaTypes.module);
  if (!made) return null;
  const facts = { digest: made.digest, size: made.size, probes };
  making.remember({ key, facts: JSON.stringify(facts), digest: made.digest });
  return facts;
}

function refuseTooMuch(path: string, found: Findings): void {
  const message = `up to this module the source compiles to more than ${artifactLimits.madeBytes} bytes`;
  found.add({ path, line: 1, column: 1, pointer: '', code: 'output_too_large', message });
}
