import { mediaTypes } from '../../core/oci.ts';
import type { ArtifactFile } from '../../core/oci.ts';
import { bundleModule } from './bundle-module.ts';
import type { Findings } from './findings.ts';
import type { Making } from './made-blobs.ts';
import type { Probe } from './module-resolution.ts';
import type { SelectedModule } from './select-files.ts';
import type { SourceFiles } from './source-files.ts';
import { COMPILER_VERSION } from './compile-protocol.ts';
import type { Ask } from './compile-protocol.ts';

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
  const given =
    modules.length === 0
      ? []
      : await ask(modules.map(({ entry }, index) => ({ key: keys[index] ?? null, digest: entry.digest })));
  const compiled: ArtifactFile[] = [];
  for (const [index, { entry, output }] of modules.entries()) {
    const known = given[index]?.facts;
    const remembered = known ? (JSON.parse(known) as ModuleFacts) : null;
    let facts = remembered?.probes.every(([path, digest]) => (files.find(path)?.digest ?? null) === digest)
      ? remembered
      : null;
    if (!facts) {
      const bundled = await bundleModule(entry.path, files);
      if ('problems' in bundled) {
        for (const problem of bundled.problems) found.add(problem);
        continue;
      }
      const { digest, size } = making.blob(bundled.code, mediaTypes.module);
      facts = { digest, size, probes: bundled.probes };
      making.remember({ key: keys[index] ?? '', facts: JSON.stringify(facts), digest });
    }
    for (const [path, digest] of facts.probes) if (digest !== null) used.add(path);
    compiled.push({ path: output, digest: facts.digest, size: facts.size, mediaType: mediaTypes.module });
  }
  return compiled;
}
