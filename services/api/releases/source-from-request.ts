import { PointsmanError } from '../../../core/errors.ts';
import { sourceLimits } from '../../../core/limits/limits.ts';
import { readBody } from '../requests/body.ts';
import { requestError } from '../responses/problem.ts';
import { mediaTypeOf } from '../http/request-input.ts';
import type { Holding } from '../access/shares.ts';
import type { SourceBody } from './source-body.ts';
import type { SourceReader } from './source-reader.ts';

/** What a publish may be sent as. */
const FORMATS: ReadonlyMap<string, SourceFormat> = new Map([
  ['application/json', 'json'],
  ['application/gzip', 'tar'],
  ['application/x-gzip', 'tar'],
]);

export type SourceFormat = 'json' | 'tar';

/** How the source comes; throws `unsupported_media_type`. */
export function sourceFormat(request: Request): SourceFormat {
  return FORMATS.get(mediaTypeOf(request, [...FORMATS.keys()])) ?? 'json';
}

/**
 * Reads the source of a publish. Files that can't make a source are an answer, since a dry run shows them; everything else that is
 * wrong with the body is thrown. What is kept in memory is taken from `holding`.
 */
export async function readSource(
  reader: SourceReader,
  tenant: string,
  { request, format, holding }: { request: Request; format: SourceFormat; holding: Holding },
): Promise<Extract<SourceBody, { kind: 'source' | 'invalid' }>> {
  const onChunk = (size: number): void => holding.take(size);
  const bytes = await readBody(request, sourceLimits.bodyBytes, { onChunk });
  const body = await reader.read(tenant, { format, bytes });
  switch (body.kind) {
    case 'malformed':
      throw requestError('malformed', body.errors);
    case 'unacceptable':
      throw requestError('invalid_request', body.errors);
    case 'too_large':
      throw new PointsmanError('too_large', body.message);
    case 'source':
      // The body's bytes went to the thread and are gone; what came out of them takes their place.
      holding.release();
      holding.take(body.arena.byteLength);
      return body;
    case 'invalid':
      return body;
  }
}
