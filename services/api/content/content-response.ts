import { readBlobSlice } from '../../postgres/content/blobs.ts';
import type { ApiDeps } from '../dependencies.ts';
import type { Call } from '../http/endpoint.ts';
import { responseLimits } from '../limits.ts';

/** Stored content of a tenant, identified by its digest. */
export interface StoredContent {
  readonly tenant: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  /** The first {@link responseLimits.sliceBytes} of the content, or all of the content if it is shorter. */
  readonly head: Uint8Array;
}

/**
 * Responds with the stored content, or with 304 if the caller already has it. Large content is read from the database in slices, each after
 * the previous slice was sent. A slow reader therefore has at most two slices in memory, not the whole content. Throws `busy` when the
 * caller's slow readers already use its whole share of response memory.
 */
export function contentResponse(
  { db, responses }: Pick<ApiDeps, 'db' | 'responses'>,
  { occupy }: Pick<Call<unknown, unknown, unknown, unknown>, 'occupy'>,
  content: StoredContent,
  { isKnown, headers }: { isKnown: boolean; headers: Record<string, string> },
): Response {
  if (isKnown) return new Response(null, { status: 304, headers });
  const { sliceBytes, slices } = responseLimits;
  occupy(responses, Math.min(content.size, slices * sliceBytes));
  return new Response(slicesOf(db, content), {
    status: 200,
    headers: { 'content-type': content.mediaType, 'content-length': String(content.size), ...headers },
  });
}

function slicesOf(
  db: ApiDeps['db'],
  { tenant, digest, size, head }: StoredContent,
): ReadableStream<Uint8Array> {
  let next: Uint8Array | null = head;
  let offset = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        const slice = next ?? (await readSlice(db, { tenant, digest, offset }));
        next = null;
        offset += slice.byteLength;
        if (slice.byteLength > 0) controller.enqueue(slice);
        if (offset >= size) controller.close();
      },
    },
    // Read from the database only when the consumer asks for data.
    { highWaterMark: 0 },
  );
}

async function readSlice(
  db: ApiDeps['db'],
  { tenant, digest, offset }: { tenant: string; digest: string; offset: number },
): Promise<Uint8Array> {
  const slice = await readBlobSlice(db, tenant, digest, { offset, bytes: responseLimits.sliceBytes });
  if (slice === null || slice.byteLength === 0)
    throw new Error(`${digest} of ${tenant} was removed while it was sent`);
  return slice;
}
