import { randomUUID } from 'node:crypto';

/** The IDs of one request. They appear in log lines, in responses and in the records of the request's effects. */
export interface RequestIds {
  readonly requestId: string;
  /** The W3C Trace Context of the request. It continues the caller's trace with a new span, or starts a new trace. */
  readonly traceparent: string;
  readonly tracestate: string | null;
}

/** Returns the IDs of a request. The caller's IDs are used if they are safe for log lines and headers. All other IDs are generated. */
export function requestIds(headers: Pick<Headers, 'get'>): RequestIds {
  const given = headers.get('x-request-id');
  const requestId = given !== null && /^[A-Za-z0-9._:/+=@-]{1,128}$/.test(given) ? given : randomUUID();
  const parent = parseTraceparent(headers.get('traceparent'));
  const tracestate = headers.get('tracestate');
  return {
    requestId,
    traceparent: `00-${parent?.traceId ?? randomHex()}-${randomHex().slice(-16)}-${parent?.flags ?? '01'}`,
    tracestate:
      parent !== null && tracestate !== null && /^[\x20-\x7e]{1,512}$/.test(tracestate) ? tracestate : null,
  };
}

/**
 * Returns 32 hex digits. The last 14 digits are fully random, as Trace Context level 2 requires. The digits come from a UUID, because Node
 * generates UUIDs in batches, which is fast.
 */
function randomHex(): string {
  return randomUUID().replaceAll('-', '');
}

// Parses a `traceparent` header. Returns null for an invalid header, so that a new trace starts. Version ff and all-zero IDs are invalid
// (Trace Context level 1, section 3.2).
function parseTraceparent(header: string | null): { traceId: string; flags: string } | null {
  const match =
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/.exec(
      header ?? '',
    );
  const [, traceId, flags] = match ?? [];
  return traceId === undefined || flags === undefined ? null : { traceId, flags };
}
