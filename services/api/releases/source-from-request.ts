import { PointsmanError } from '@pointsman/protocol/errors';
import { sourceLimits } from '@pointsman/protocol/limits';
import { readBody } from '../requests/body.ts';
import { requestError } from '../responses/problem.ts';
import { mediaTypeOf } from '../http/request-input.ts';
import type { Holding } from '../access/shares.ts';
import type { SourceBody } from './source-body.ts';
import type { SourceReader } from './source-reader.ts';

/** The media types of a publish. */
const FORMATS: ReadonlyMap<string, SourceFormat> = new Map([
  ['application/json', 'json'],
  ['application/gzip', 'tar'],
  ['application/x-gzip', 'tar'],
]);

export type SourceFormat = 'json' | 'tar';

/** The format of the source; throws `unsupported_media_type`. */
export function sourceFormat(request: Request): SourceFormat {
  return FORMATS.get(mediaTypeOf(request, [...FORMATS.keys()])) ?? 'json';
}

/**
 * Reads the source of a publish. Files that do not form a valid source are returned as a result, because a dry run shows them. Every other
 * problem of the body is thrown. `holding` counts the bytes in memory.
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
      // The body's bytes were transferred to the thread; count the result instead.
      holding.release();
      holding.take(body.arena.byteLength);
      return body;
    case 'invalid':
      return body;
  }
}
