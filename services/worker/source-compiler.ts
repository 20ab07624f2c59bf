import { compileLimits } from '../../core/limits.ts';
import type { SourceTree } from '../../core/source.ts';
import type { CompileResult, Compiler } from '../compiler/compiler.ts';
import { readBlobs } from '../postgres/blobs.ts';
import type { Database } from '../postgres/database.ts';
import { loadSource } from '../postgres/sources.ts';

type Compiled = Extract<CompileResult, { kind: 'compiled' | 'invalid' }>;

/** Past a bound, or not there: a retry would end in the same way. */
interface Broken {
  readonly kind: 'broken';
  readonly reason: string;
}

/** Compiles a source of a tenant by its digest. Throws for what is worth a retry. */
export type CompileSource = (tenant: string, source: string) => Promise<Compiled | Broken>;

/** The compiler, reading what it needs from the store. A source's listing never changes, so it is read once for all steps of a release. */
export function sourceCompiler(db: Database, compiler: Compiler): CompileSource {
  const trees = new Map<string, SourceTree>();
  const remember = (key: string, tree: SourceTree): void => {
    trees.set(key, tree);
    const [oldest] = trees.keys();
    if (trees.size > compileLimits.sourceTrees && oldest !== undefined) trees.delete(oldest);
  };
  return async (tenant, source) => {
    const key = `${tenant}/${source}`;
    const known = trees.get(key);
    const loaded = known ? { tree: known, contents: new Map() } : await loadSource(db, tenant, source);
    if (!loaded) return { kind: 'broken', reason: `the source ${source} is not stored` };
    remember(key, loaded.tree);
    const result = await compiler.compile(tenant, loaded.tree, (digests) =>
      readMissing(db, tenant, digests, loaded.contents),
    );
    if (result.kind === 'busy') throw new Error('the compiler has too much to do; this step comes again');
    return result.kind === 'exhausted' ? { kind: 'broken', reason: result.message } : result;
  };
}

async function readMissing(
  db: Database,
  tenant: string,
  digests: readonly string[],
  here: ReadonlyMap<string, Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const away = digests.filter((digest) => !here.has(digest));
  return away.length === 0 ? here : new Map([...here, ...(await readBlobs(db, tenant, away))]);
}
