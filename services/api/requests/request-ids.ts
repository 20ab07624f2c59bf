import { randomUUID } from 'node:crypto';

/** The ids of one request in logs, in responses and in its effects. */
export interface RequestIds {
  readonly requestId: string;
  /** W3C Trace Context: the caller's trace with our own span, or a new trace. */
  readonly traceparent: string;
  readonly tracestate: string | null;
}

/** Uses the caller's ids if they are safe for log lines and headers, and generates the missing ones. */
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

/** 32 digits, of which the last 14 are random, as Trace Context level 2 requires. Made from UUIDs, because Node generates many together. */
function randomHex(): string {
  return randomUUID().replaceAll('-', '');
}

// Trace Context level 1, section 3.2: version ff, and all-zero ids, are invalid and restart the trace.
function parseTraceparent(header: string | null): { traceId: string; flags: string } | null {
  const match =
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/.exec(
      header ?? '',
    );
  const [, traceId, flags] = match ?? [];
  return traceId === undefined || flags === undefined ? null : { traceId, flags };
}
