/** A JSON response. It is not cached unless its headers allow it. */
export function jsonResponse(value: unknown, status: number, headers: Record<string, string> = {}): Response {
  const text = JSON.stringify(value);
  return new Response(text, {
    status,
    headers: {
      'content-type': 'application/json',
      // The router counts responses in memory by their Content-Length.
      'content-length': String(Buffer.byteLength(text)),
      'cache-control': 'no-store',
      ...headers,
    },
  });
}

/** A response with text that was encoded once for all readers. */
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
