import { PointsmanError } from '@pointsman/protocol/errors';
import { sourceLimits } from '@pointsman/protocol/limits';
import { ARCHIVE_TYPE } from '@pointsman/protocol/releases/source';
import { readBody } from '../requests/body.ts';
import { requestError } from '../responses/problem.ts';
import { mediaTypeOf } from '../http/request-input.ts';
import type { Holding } from '../access/shares.ts';
import type { SourceBody } from './source-body.ts';
import type { SourceReader } from './source-reader.ts';

/** The accepted formats of a published source, by media type. */
const FORMATS: ReadonlyMap<string, SourceFormat> = new Map([
  ['application/json', 'json'],
  [ARCHIVE_TYPE, 'tar'],
  ['application/x-gzip', 'tar'],
]);

export type SourceFormat = 'json' | 'tar';

/**
 * Returns the format of a published source, based on the media type of the request. Throws `unsupported_media_type` if the media type is
 * not accepted.
 */
export function sourceFormat(request: Request): SourceFormat {
  return FORMATS.get(mediaTypeOf(request, [...FORMATS.keys()])) ?? 'json';
}

/**
 * Reads the source of a publish from the request body. If its files do not form a valid source, returns the problems, because a dry run
 * shows them. Throws all other problems of the body. `holding` counts the bytes in memory against the tenant's share.
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
      // The bytes of the body were transferred to the thread and are no longer in memory here. Count the bytes of the result instead.
      holding.release();
      holding.take(body.arena.byteLength);
      return body;
    case 'invalid':
      return body;
  }
}
