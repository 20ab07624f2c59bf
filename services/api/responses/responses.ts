/** A JSON answer. Nobody keeps it unless its headers say otherwise. */
export function jsonAnswer(value: unknown, status: number, headers: Record<string, string> = {}): Response {
  const text = JSON.stringify(value);
  return new Response(text, {
    status,
    headers: {
      'content-type': 'application/json',
      // The router counts by it what is in memory.
      'content-length': String(Buffer.byteLength(text)),
      'cache-control': 'no-store',
      ...headers,
    },
  });
}

/** Text that many ask for, encoded once for all of them. */
export function encodedAnswer(
  text: Uint8Array<ArrayBuffer>,
  mediaType: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(text, {
    headers: { 'content-type': mediaType, 'content-length': String(text.byteLength), ...headers },
  });
}

/** The header that tells an answer of before from a new one. */
export function replayedHeader(replayed: boolean): Record<string, string> {
  return replayed ? { 'idempotency-replayed': 'true' } : {};
}
