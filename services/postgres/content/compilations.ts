import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { LOCAL_EXECUTOR } from '../../../core/releases/local-compiler.ts';
import type { CompiledDocument } from './compiled-documents.ts';
import type { BlobContent } from './blobs.ts';
import { at, json } from '../rows.ts';

/** What the local compiler made of a source, with the time that it took. */
export interface NewCompilation {
  readonly artifacts: readonly { readonly channel: string | null; readonly digest: string }[];
  /** The blobs of all artifacts, including their manifests. */
  readonly blobs: readonly BlobContent[];
  /** Whether blobs of documents that were already stored are missing from `blobs`. */
  readonly lacksContent: boolean;
  /** The documents that were compiled, for later compilations of the tenant. */
  readonly documents: readonly CompiledDocument[];
  readonly warnings: readonly Diagnostic[];
  readonly startedAt: number;
  readonly finishedAt: number;
}

/**
 * Returns a compilation of the local compiler as the two parameters `p_executor` and `p_compilation` of
 * functions/sources.sql.
 */
export function compilationColumns(compilation: NewCompilation | null): [string, string | null] {
  if (compilation === null) return [LOCAL_EXECUTOR, null];
  const artifacts = compilation.artifacts.map(({ channel, digest }) => ({ channel, digest }));
  const { warnings, startedAt, finishedAt } = compilation;
  return [
    LOCAL_EXECUTOR,
    json({ artifacts, warnings, startedAt: at(startedAt), finishedAt: at(finishedAt) }),
  ];
}
