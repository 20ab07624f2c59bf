import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { PointsmanError } from '@pointsman/protocol/errors';
import { blobReader } from '../../postgres/content/blobs.ts';
import type { ApiDeps } from '../dependencies.ts';
import type { FindDocuments } from '../../postgres/content/compiled-documents.ts';
import type { NewCompilation } from '../../postgres/content/compilations.ts';
import type { Executor } from '../../postgres/releases/publish-reads.ts';
import { contentsOf, type ReadSource } from '../../source-archive/read-source.ts';

export type Checked =
  /** `checked` is `structure` if an external executor compiles the source. In that case, only the structure of the files was checked. */
  | {
      readonly kind: 'valid';
      readonly checked: 'source' | 'structure';
      /** Problems that do not make the source invalid, but are probably mistakes. */
      readonly warnings: readonly Diagnostic[];
      /** Null if an external executor compiles the source. */
      readonly compilation: NewCompilation | null;
    }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly truncated: boolean };

/**
 * Compiles a source in full to check it. The author gets all problems at the same time, and a refused source uses no version number. Throws `busy` when the compiler is overloaded. Throws `invalid_source` when the source exceeds a limit, or when the
 * compiler fails without a diagnostic.
 *
 * If an external compiler compiles the tenant's sources, its rules are unknown here, so nothing is compiled. The structure of the files was
 * already checked when they were read. The release reports all other problems.
 */
export async function checkSource(
  { db, compiler }: Pick<ApiDeps, 'db' | 'compiler'>,
  tenant: string,
  source: ReadSource,
  executor: Executor,
  findStored: FindDocuments | null = null,
): Promise<Checked> {
  if (executor !== 'local') return { kind: 'valid', checked: 'structure', warnings: [], compilation: null };
  const startedAt = Date.now();
  const readBlobs = blobReader(db, tenant, contentsOf(source));
  const result = await compiler.compile(tenant, source.tree, readBlobs, findStored);
  switch (result.kind) {
    case 'compiled': {
      const compilation = { ...result, startedAt, finishedAt: Date.now() };
      return { kind: 'valid', checked: 'source', warnings: result.warnings, compilation };
    }
    case 'invalid':
      return result;
    case 'exhausted':
      throw new PointsmanError('invalid_source', result.message, { details: { limit: result.limit } });
    case 'uncompilable':
      throw new PointsmanError('invalid_source', result.message, {
        details: { reference: result.reference },
      });
    case 'busy':
      throw new PointsmanError('busy', 'Too many sources are waiting for the compiler. Retry in a moment.');
  }
}

/** Returns the error for a source that the check has refused. */
export function invalidSource({
  diagnostics,
  truncated,
}: Extract<Checked, { kind: 'invalid' }>): PointsmanError {
  const [first] = diagnostics;
  const place = first
    ? `${first.path}:${first.line}:${first.column}: ${first.message}`
    : 'The source is invalid.';
  const others = diagnostics.length - 1;
  const detail = others > 0 ? `${place} (and ${others}${truncated ? ' or more' : ''} other problems)` : place;
  return new PointsmanError('invalid_source', detail, { details: { diagnostics, truncated } });
}
