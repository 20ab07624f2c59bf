import { request, type Dispatcher } from 'undici';
import type { z } from 'zod';

import { parseJson } from '@pointsman/protocol/json/parse-json';
import { PROBLEM_MEDIA_TYPE } from '@pointsman/protocol/problem';
import { EVENT_STREAM_TYPE } from '@pointsman/protocol/stream-events';
import { describeIssues } from '@pointsman/protocol/json/schema-issues';
import { type ApiResponse, headerOf } from './response.ts';
import {
  type ProblemError,
  InvalidResponseError,
  problemErrorOf,
  UnreachableError,
  unreachableErrorOf,
} from './failures.ts';
import { clientLimits } from './limits.ts';
import { retryDelayMs, waitFor } from './retry.ts';

/** The URL of the API, and the bearer token. If the token is null, calls are sent without one. */
export interface Connection {
  readonly url: string;
  readonly token: string | null;
}

export interface Call {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A request body that is sent as JSON. */
  readonly json?: unknown;
  /** A request body that is sent unchanged. `headers` must contain its media type. */
  readonly bytes?: Uint8Array;
  readonly timeoutMs?: number;
  /** Ends the call when it aborts, including all attempts and the waits between them. */
  readonly deadline?: AbortSignal | undefined;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** A client of the HTTP API. */
export interface ApiClient {
  readonly url: string;
  /** The wait before the second attempt, in milliseconds. The waits before later attempts are longer. */
  readonly firstRetryMs: number;
  /**
   * Makes a call, and returns the JSON response, parsed by the schema. After 429, 502, 503, 504 or a lost
   * connection, retries up to {@link clientLimits.attempts} attempts. Every call must therefore be
   * idempotent, by its method or by its Idempotency-Key.
   *
   * Throws ProblemError for an error response, UnreachableError if there is no response, and
   * InvalidResponseError if the response does not match the schema.
   */
  call<T>(method: Method, path: string, schema: z.ZodType<T>, call?: Call): Promise<T>;
  /**
   * Makes a call as `call` does, but returns the response unparsed. Used for files, and by callers that need
   * the response headers.
   */
  send(method: Method, path: string, call?: Call): Promise<ApiResponse>;
  /**
   * Opens an event stream with GET, in a single attempt. Returns null if the response is not an event stream.
   * The stream has no timeout and ends only when `signal` aborts.
   */
  stream(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData['body'] | null>;
}

export interface ClientOptions {
  /** When it aborts, every call in progress ends, including a wait between two attempts. */
  readonly signal?: AbortSignal;
  /** The wait before the second attempt, in milliseconds. Tests shorten it. */
  readonly firstRetryMs?: number | undefined;
}

/** Creates a client of the API. The caller does not need to close it. */
export function apiClient(
  { url, token }: Connection,
  { signal = new AbortController().signal, firstRetryMs = clientLimits.firstRetryMs }: ClientOptions = {},
): ApiClient {
  const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  let hasAnswered = false;

  async function once(method: Method, path: string, call: Call): Promise<ApiResponse> {
    const { statusCode, headers, body } = await request(address(url, path, call.query), {
      method,
      headers: {
        accept: `application/json, ${PROBLEM_MEDIA_TYPE}, */*;q=0.1`,
        ...authorization,
        ...(call.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...call.headers,
      },
      body: call.bytes ?? (call.json === undefined ? null : JSON.stringify(call.json)),
      signal: AbortSignal.any([
        endOf(call, signal),
        AbortSignal.timeout(call.timeoutMs ?? clientLimits.requestMs),
      ]),
    });
    const answer = { status: statusCode, headers, body: Buffer.from(await body.arrayBuffer()) };
    hasAnswered = true;
    return answer;
  }

  async function send(method: Method, path: string, call: Call = {}): Promise<ApiResponse> {
    let maybeDone = false;
    for (let attempt = 1; ; attempt++) {
      const answer = await once(method, path, call).catch((error: unknown) => {
        if (signal.aborted) throw signal.reason;
        return unreachableErrorOf(error, url, maybeDone);
      });
      if (!(answer instanceof UnreachableError) && answer.status < 400) return answer;
      const failure = answer instanceof UnreachableError ? answer : problemErrorOf(answer);
      const retryAfter = answer instanceof UnreachableError ? null : headerOf(answer, 'retry-after');
      const waitMs = retryDelayMs(attempt, retryAfter, Math.random(), firstRetryMs);
      if (attempt === clientLimits.attempts || waitMs === null || !isWorthRetry(failure, hasAnswered))
        throw failure;
      maybeDone = !(failure instanceof UnreachableError) || failure.maybeDone;
      await waitFor(waitMs, endOf(call, signal)).catch(() => {
        throw signal.aborted ? signal.reason : failure;
      });
    }
  }

  return {
    url,
    firstRetryMs,
    send,
    async call(method, path, schema, call) {
      return parseBody(await send(method, path, call), schema, url);
    },
    async stream(path, headers, streamSignal) {
      const answer = await request(address(url, path), {
        headers: { accept: EVENT_STREAM_TYPE, ...authorization, ...headers },
        signal: AbortSignal.any([signal, streamSignal]),
        // The body has no timeout here. The reader of the stream has its own limit for the time without data.
        bodyTimeout: 0,
      });
      const type = String(answer.headers['content-type'] ?? '');
      if (answer.statusCode === 200 && type.startsWith(EVENT_STREAM_TYPE)) return answer.body;
      await answer.body.dump();
      return null;
    },
  };
}

// Returns whether a retry may succeed. A refused connection means that the API is not running, so a retry is
// useless. If an earlier attempt got a response, the API is only restarting, and a retry may succeed.
function isWorthRetry(failure: ProblemError | UnreachableError, hasAnswered: boolean): boolean {
  if (failure instanceof UnreachableError) return hasAnswered || failure.maybeDone;
  return WORTH_A_RETRY.has(failure.problem.status);
}

/**
 * Returns the signal that ends a call with all its attempts. It aborts at the call's own deadline, or with
 * the client's signal.
 */
function endOf({ deadline }: Call, signal: AbortSignal): AbortSignal {
  return deadline === undefined ? signal : AbortSignal.any([signal, deadline]);
}

// The HTTP statuses after which a call is retried. 502 and 504 come from a proxy in front of the API while
// the API restarts.
const WORTH_A_RETRY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

function address(url: string, path: string, query: Call['query'] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) parameters.set(name, String(value));
  return `${url}${path}${parameters.size === 0 ? '' : `?${parameters.toString()}`}`;
}

function parseBody<T>(answer: ApiResponse, schema: z.ZodType<T>, url: string): T {
  const json = parseJson(answer.body.toString('utf8'));
  if (json.kind === 'not_json') throw new InvalidResponseError(`The response of ${url} is not JSON.`);
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return parsed.data;
  throw new InvalidResponseError(`This version can't read the response of ${url}: ${describeIssues(parsed)}`);
}
