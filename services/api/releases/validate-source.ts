import type { Diagnostic } from '../../../core/releases/diagnostic.ts';
import { PointsmanError } from '../../../core/errors.ts';
import type { Compiler } from '../../compiler/compiler.ts';
import type { Executor } from '../../postgres/releases/compile-rules.ts';
import { contentsOf, type ReadSource } from '../../source-archive/read-source.ts';

export type Checked =
  /** `structure`: what only the executor knows is not known here. */
  | {
      readonly kind: 'valid';
      readonly checked: 'source' | 'structure';
      /** What is valid and probably not meant. */
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly truncated: boolean };

/**
 * Compiles a source in full, only to know whether it can be: a mistake is then told at once, and no release is numbered for it. Throws
 * `busy` when the compiler has too much to do, and `invalid_source` for a source past its limits, or one
 * that the compiler fails on, which no diagnostic could place.
 *
 * Where the tenant has its sources compiled by somebody else, nobody here can say what that one takes: that the files make a source was
 * seen when they were read, and the rest comes with the release.
 */
export async function checkSource(
  compiler: Compiler,
  tenant: string,
  source: ReadSource,
  executor: Executor,
): Promise<Checked> {
  if (executor !== 'local') return { kind: 'valid', checked: 'structure', warnings: [] };
  const contents = contentsOf(source);
  const result = await compiler.compile(tenant, source.tree, async () => contents);
  switch (result.kind) {
    case 'compiled':
      return { kind: 'valid', checked: 'source', warnings: result.warnings };
    case 'invalid':
      return result;
    case 'exhausted':
      throw new PointsmanError('invalid_source', result.message, { details: { limit: result.limit } });
    case 'uncompilable':
      throw new PointsmanError('invalid_source', result.message, {
        details: { reference: result.reference },
      });
    case 'busy':
      throw new PointsmanError(
        'busy',
        'Too many sources wait to be compiled; send this one again in a moment.',
      );
  }
}

/** A source that was refused, as the problem that its author is told. */
export function invalidSource({
  diagnostics,
  truncated,
}: Extract<Checked, { kind: 'invalid' }>): PointsmanError {
  const [first] = diagnostics;
  const place = first
    ? `${first.path}:${first.line}:${first.column}: ${first.message}`
    : 'The source is not valid.';
  const others = diagnostics.length - 1;
  const detail = others > 0 ? `${place} (and ${others}${truncated ? ' or more' : ''} other problems)` : place;
  return new PointsmanError('invalid_source', detail, { details: { diagnostics, truncated } });
}
