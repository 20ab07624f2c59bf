/** Returns a JSON response. It must not be cached unless the given headers allow it. */
export function jsonResponse(value: unknown, status: number, headers: Record<string, string> = {}): Response {
  const text = JSON.stringify(value);
  return new Response(text, {
    status,
    headers: {
      'content-type': 'application/json',
      // The router uses the Content-Length to count responses in memory.
      'content-length': String(Buffer.byteLength(text)),
      'cache-control': 'no-store',
      ...headers,
    },
  });
}

/** Returns a response whose text was encoded once for all readers. */
export function encodedResponse(
  text: Uint8Array<ArrayBuffer>,
  mediaType: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(text, {
    headers: { 'content-type': mediaType, 'content-length': String(text.byteLength), ...headers },
  });
}

/** Returns the header that marks the response to a repeated request. */
export function replayedHeader(replayed: boolean): Record<string, string> {
  return replayed ? { 'idempotency-replayed': 'true' } : {};
}
