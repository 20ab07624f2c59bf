/** A JSON answer. Nobody keeps it unless its headers say otherwise. */
export function jsonAnswer(value: unknown, status: number, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });
}

/** Content of a tenant's as it is stored, or 304 when the caller has it. Whatever it says it is, nobody may run it. */
export function contentAnswer(
  content: { readonly bytes: Uint8Array; readonly mediaType: string },
  isKnown: boolean,
  headers: Record<string, string>,
): Response {
  if (isKnown) return new Response(null, { status: 304, headers });
  return new Response(unshared(content.bytes), {
    status: 200,
    headers: {
      'content-type': content.mediaType,
      'content-length': String(content.bytes.byteLength),
      ...headers,
    },
  });
}

/** The header that tells an answer of before from a new one. */
export function replayedHeader(replayed: boolean): Record<string, string> {
  return replayed ? { 'idempotency-replayed': 'true' } : {};
}

// The driver's buffers are never shared between threads, which their type does not say.
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isUnshared(bytes) ? bytes : new Uint8Array(bytes);
}

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
