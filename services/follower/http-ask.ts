import { request, type Dispatcher } from 'undici';
import { z } from 'zod';

import { parseJsonAs } from '../../core/json/parse-json.ts';
import { retryAfterMs } from '../http/retry-after.ts';
import { FollowFailure, reasonOf } from './failure.ts';
import { followLimits } from './limits.ts';

/** Where the control plane is, and by which token it is asked. */
export interface Connection {
  readonly url: string;
  readonly token: string;
}

export interface Ask {
  readonly path: string;
  readonly method?: 'GET' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Whether that is a status of an answer, rather than of a refusal. */
function isAnswer(status: number): boolean {
  return status === 304 || (status >= 200 && status < 300);
}

/** The answer to that, its body not yet read. Throws {@link FollowFailure} when there is none, or the signal's reason. */
export async function send(
  { url, token }: Connection,
  { path, method = 'GET', headers, body, signal, timeoutMs }: Ask,
): Promise<Dispatcher.ResponseData> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    return await request(url.replace(/\/+$/, '') + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'accept-encoding': 'identity', ...headers },
      body: body ?? null,
      signal: ended,
      // The time of the whole call is the signal's.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new FollowFailure('later', `the control plane does not answer: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** The whole answer to that, of at most so many bytes. Throws {@link FollowFailure} for anything else. */
export async function ask(
  connection: Connection,
  asked: Ask,
  maxBytes: number,
): Promise<{ status: number; body: Buffer }> {
  const answer = await send(connection, asked);
  const { statusCode: status } = answer;
  if (!isAnswer(status)) throw await refusal(answer, asked.signal);
  return { status, body: await readAtMost(answer.body, maxBytes, asked.signal) };
}

/** Reads no byte more than it may, whatever the server says that there are. */
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
      // Leaving the loop closes the connection.
      if (bytes > maxBytes)
        throw new FollowFailure('wrong', `an answer has more than the ${maxBytes} bytes that it may have`);
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FollowFailure) throw error;
    throw new FollowFailure('later', `an answer was cut off: ${reasonOf(error)}`, { cause: error });
  }
  return Buffer.concat(chunks);
}

const Problem = z.object({ detail: z.string().max(2_000) });

/** What an answer says that is none. */
export async function refusal(
  { statusCode: status, headers, body: stream }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<FollowFailure> {
  const body = await readAtMost(stream, followLimits.problemBytes, signal);
  const problem = parseJsonAs(Problem, body.toString('utf8'));
  const message = `the control plane answered ${status}${problem === null ? '' : `: ${problem.detail}`}`;
  const mayPass = status >= 500 || status === 408 || status === 429;
  const bounds = { nowMs: Date.now(), maxMs: followLimits.retryAfterMaxMs };
  return new FollowFailure(mayPass ? 'later' : 'refused', message, {
    retryAfterMs: retryAfterMs(headers['retry-after'], bounds),
  });
}
