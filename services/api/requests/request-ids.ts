import { randomUUID } from 'node:crypto';

/** The IDs of one request, for logs, responses and the effects of the request. */
export interface RequestIds {
  readonly requestId: string;
  /** W3C Trace Context: the caller's trace with a new span, or a new trace. */
  readonly traceparent: string;
  readonly tracestate: string | null;
}

/** Uses the caller's IDs if they are safe for log lines and headers, and generates the missing IDs. */
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
 * 32 hex digits. The last 14 are random, as Trace Context level 2 requires. They are made from UUIDs, which Node
 * generates in batches.
 */
function randomHex(): string {
  return randomUUID().replaceAll('-', '');
}

// Trace Context level 1, section 3.2: version ff and all-zero IDs are invalid, so a new trace starts.
function parseTraceparent(header: string | null): { traceId: string; flags: string } | null {
  const match =
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/.exec(
      header ?? '',
    );
  const [, traceId, flags] = match ?? [];
  return traceId === undefined || flags === undefined ? null : { traceId, flags };
}
