import { request, type Dispatcher } from 'undici';

import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { Problem } from '@pointsman/protocol/problem';
import { cut } from '@pointsman/protocol/text/cut';
import { retryAfterMs } from '@pointsman/protocol/calls/retry-after';
import { FollowFailure, reasonOf } from './failure.ts';
import { followLimits } from './limits.ts';

/** The URL of the API, and the bearer token for it. */
export interface Connection {
  readonly url: string;
  readonly token: string;
}

export interface RequestOptions {
  readonly path: string;
  readonly method?: 'GET' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * Returns whether the status means success. 304 counts too, because the follower sends conditional requests.
 */
function isSuccess(status: number): boolean {
  return status === 304 || (status >= 200 && status < 300);
}

/**
 * Sends a request, and returns the response before its body is read. If there is no response, throws {@link
 * FollowFailure}. If the signal aborts, throws its reason.
 */
export async function send(
  { url, token }: Connection,
  { path, method = 'GET', headers, body, signal, timeoutMs }: RequestOptions,
): Promise<Dispatcher.ResponseData> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    return await request(url.replace(/\/+$/, '') + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'accept-encoding': 'identity', ...headers },
      body: body ?? null,
      signal: ended,
      // The headers need no separate timeout, because the signal limits the time of the whole call.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new FollowFailure('later', `the control plane is unreachable: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Sends a request, and returns the response body. Throws {@link FollowFailure} for an error response, or if
 * the body has more than `maxBytes`.
 */
export async function requestBody(
  connection: Connection,
  options: RequestOptions,
  maxBytes: number,
): Promise<{ status: number; body: Buffer }> {
  const response = await send(connection, options);
  const { statusCode: status } = response;
  if (!isSuccess(status)) throw await toFailure(response, options.signal);
  return { status, body: await readAtMost(response.body, maxBytes, options.signal) };
}

/**
 * Reads a body of at most `maxBytes`. The bytes are counted while reading, because the Content-Length may be
 * wrong.
 */
async function readAtMost(
  body: Dispatcher.ResponseData['body'],
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      // The throw leaves the loop, which closes the connection.
      if (bytes > maxBytes)
        throw new FollowFailure('wrong', `a response is larger than the limit of ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FollowFailure) throw error;
    throw new FollowFailure('later', `a response was cut off: ${reasonOf(error)}`, { cause: error });
  }
  return Buffer.concat(chunks);
}

const ProblemDetail = Problem.pick({ detail: true });

/** Converts an error response to a FollowFailure. */
export async function toFailure(
  { statusCode: status, headers, body: stream }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<FollowFailure> {
  const body = await readAtMost(stream, followLimits.problemBytes, signal);
  const problem = parseJsonAs(ProblemDetail, body.toString('utf8'));
  const message = `the control plane answered ${status}${problem === null ? '' : `: ${cut(problem.detail, followLimits.detailChars)}`}`;
  const mayPass = status >= 500 || status === 408 || status === 429;
  const bounds = { nowMs: Date.now(), maxMs: followLimits.retryAfterMaxMs };
  return new FollowFailure(mayPass ? 'later' : 'refused', message, {
    retryAfterMs: retryAfterMs(headers['retry-after'], bounds),
  });
}
