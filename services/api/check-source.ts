import type { Diagnostic } from '../../core/diagnostic.ts';
import { PointsmanError } from '../../core/errors.ts';
import type { Compiler } from '../compiler/compiler.ts';
import { contentsOf, type ReadSource } from '../source-archive/read-source.ts';

export type Checked =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly truncated: boolean };

/**
 * Compiles a source in full, only to know whether it can be: a mistake is then told at once, and no release is numbered for it. Throws
 * `busy` when the compiler has too much to do, and `invalid_source` for a source past its limits, which no diagnostic could place.
 */
export async function checkSource(compiler: Compiler, tenant: string, source: ReadSource): Promise<Checked> {
  const contents = contentsOf(source);
  const result = await compiler.compile(tenant, source.tree, async () => contents);
  switch (result.kind) {
    case 'compiled':
      return { kind: 'valid' };
    case 'invalid':
      return result;
    case 'exhausted':
      throw new PointsmanError('invalid_source', result.message, { details: { limit: result.limit } });
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
