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
  /** Aborts the whole call. */
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

/** Sends one request and reads its response. The body is read only after a 2xx status. */
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
    // The signal already limits the time until the server responds.
    headersTimeout: 0,
    bodyTimeout: outboundLimits.silenceMs,
  });
  const response = await orAborted(pending, signal);
  const status = response.statusCode;
  if (status < 200 || status > 299) {
    // The body of an error response is not read. Destroying it closes the connection, which has to be opened again for
    // the next call, but prevents a server from keeping it open.
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
 * Undici checks a signal only once it is connected. Without this function, a hanging name resolution or connection
 * could exceed the time limit of the call.
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
 * The statuses Request Timeout, Too Early and Too Many Requests. They show that the provider works and asks for another
 * attempt.
 */
const RETRYABLE: ReadonlySet<number> = new Set([408, 425, 429]);

/** Removes the headers that describe the encoding, because the returned body is decoded. */
function decodedHeaders(headers: OutboundHeaders): OutboundHeaders {
  const { 'content-encoding': _encoding, 'content-length': _length, ...rest } = headers;
  return rest;
}
