import { request, type Dispatcher } from 'undici';

import { retryAfterMs } from '@pointsman/protocol/calls/retry-after';
import { later, refused } from './results.ts';
import { failureOf } from './failures.ts';
import { REDIRECTS, type Hop } from './hop.ts';
import { outboundLimits } from './limits.ts';
import type { OutboundHeaders } from './contract.ts';
import type { Exchanged } from './exchanged.ts';
import { readBody } from './read-body.ts';

export interface ExchangeBounds {
  readonly dispatcher: Dispatcher;
  /** The signal that aborts the whole call, including later redirects. */
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

/** Sends one request and reads its response. The body is read only if the status is 2xx. */
export async function exchange(hop: Hop, bounds: ExchangeBounds): Promise<Exchanged> {
  try {
    return await sendAndRead(hop, bounds);
  } catch (error) {
    return failureOf(error, hop.url, bounds.signal);
  }
}

async function sendAndRead(hop: Hop, { dispatcher, signal, maxBytes }: ExchangeBounds): Promise<Exchanged> {
  const { url, method, headers, body } = hop;
  signal.throwIfAborted();
  const pending = request(url, {
    dispatcher,
    method,
    headers,
    body,
    signal,
    // Undici's own time limit for the response headers is disabled, because the signal already limits the time of the
    // whole call.
    headersTimeout: 0,
    bodyTimeout: outboundLimits.silenceMs,
  });
  const response = await orAborted(pending, signal);
  const status = response.statusCode;
  if (status < 200 || status > 299) {
    // The body of an error response is not needed. `destroy` closes the connection instead of reading the body,
    // because a server could send it slowly to keep the connection open. The cost is a new connection for the next
    // call.
    response.body.on('error', () => {}).destroy();
    return unsuccessful(url, status, response.headers);
  }
  const read = await readBody(response.body, response.headers, maxBytes);
  if ('problem' in read) {
    const { problem, ...tooLarge } = read;
    return { result: { ...refused(url, status, problem), ...tooLarge }, health: 'alive' };
  }
  return {
    result: { kind: 'answered', status, headers: decodedHeaders(response.headers), body: read.body },
    health: 'alive',
  };
}

/**
 * Waits for the work, but rejects as soon as the signal is aborted. Undici checks the signal only after the
 * connection is established. Without this function, a hanging name resolution or connection would exceed the call's
 * time limit.
 */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function unsuccessful(url: URL, status: number, headers: OutboundHeaders): Exchanged {
  if (REDIRECTS.has(status)) {
    const { location } = headers;
    const to = typeof location === 'string' ? location : null;
    return { result: { kind: 'redirected', status, location: to }, health: 'alive' };
  }
  const what = `answered ${status}`;
  const isFailing = status >= 500;
  if (!isFailing && !RETRYABLE.has(status)) return { result: refused(url, status, what), health: 'alive' };
  const askedMs = retryAfterMs(headers['retry-after'], {
    nowMs: Date.now(),
    maxMs: outboundLimits.retryAfterMaxMs,
  });
  return {
    result: later(url, what, { status, retryAfterMs: askedMs }),
    health: isFailing ? 'failing' : 'alive',
  };
}

/**
 * The statuses 408 Request Timeout, 425 Too Early and 429 Too Many Requests. They invite a retry, and show that the
 * server works.
 */
const RETRYABLE: ReadonlySet<number> = new Set([408, 425, 429]);

/** Removes the headers that describe the encoding of the body, because the returned body is already decoded. */
function decodedHeaders(headers: OutboundHeaders): OutboundHeaders {
  const { 'content-encoding': _encoding, 'content-length': _length, ...rest } = headers;
  return rest;
}
