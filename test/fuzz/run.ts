import { Agent, request } from 'undici';

import { seededRandom } from '../support/data/seeded-random.ts';
import { foreignText, searchable } from './foreign.ts';
import { compileLimits } from '../../core/limits/compile-limits.ts';
import { type FuzzRequest, nextRequest } from './requests.ts';
import { rawRequest, sendRaw, statusesOf } from './raw-http.ts';
import { countedOperations, type FuzzReport, unreached } from './report.ts';
import type { FuzzWorld } from './world.ts';

/**
 * A response that takes longer counts as a violation. A compilation is the longest work for which a request waits, and
 * it may take this long when other processes keep the processors busy. The slowest of 100,000 requests took about one
 * second on two idle cores.
 */
const LATE_MS = compileLimits.timeoutMs;
/** The timeout of a request. It is longer than `LATE_MS`, so that the report can state how late a response was. */
const HANG_MS = LATE_MS + 30_000;
const AT_ONCE = 16;
/** One in this many requests consists of raw bytes on a socket. */
const RAW_EVERY = 20;
/** How long an event stream is read. The events of this time are searched, then the stream is closed. */
const STREAM_MS = 200;
/** A run ends after this many violations. */
const SHOWN = 20;
/**
 * The maximum number of requests of a run, as a multiple of the planned number. A run sends more than planned until every operation has
 * succeeded often enough, because the requests are random.
 */
const MOST_TIMES = 4;

interface Tally {
  readonly statuses: Map<number, number>;
  readonly kinds: Set<string>;
  readonly succeeded: Map<string, number>;
  readonly violations: string[];
  slowestMs: number;
}

/**
 * Sends at least `requests` requests, some of them concurrently, and more until every operation has succeeded. The same seed sends the same
 * requests in almost the same order.
 */
export async function fuzz(
  world: FuzzWorld,
  { requests, seed }: { requests: number; seed: string },
): Promise<FuzzReport> {
  const tally: Tally = {
    statuses: new Map(),
    kinds: new Set(),
    succeeded: new Map(),
    violations: [],
    slowestMs: 0,
  };
  const agent = new Agent({ connections: AT_ONCE });
  const beforeMiB = await world.api.residentMiB();
  const counted = countedOperations(world.document);
  let sent = 0;
  const isDone = (): boolean =>
    tally.violations.length >= SHOWN ||
    sent >= MOST_TIMES * requests ||
    (sent >= requests && unreached(counted, { planned: requests, succeeded: tally.succeeded }).length === 0);
  const work = async (name: string): Promise<void> => {
    const random = seededRandom(seed, name);
    while (!isDone()) {
      sent += 1;
      if (sent % RAW_EVERY === 0) await sendBytes(world, tally, random);
      else await send(world, tally, agent, await nextRequest(world, random));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_none, n) => work(`client ${n}`)));
  await agent.close();
  tally.violations.push(...(await world.stock.settle()));
  const peakMiB = await world.api.peakMiB();
  return { planned: requests, requests: sent, ...tally, kinds: tally.kinds.size, beforeMiB, peakMiB };
}

async function send(world: FuzzWorld, tally: Tally, agent: Agent, asked: FuzzRequest): Promise<void> {
  tally.kinds.add(asked.kind);
  const violated = (what: string): void => void tally.violations.push(`${what}: ${described(asked)}`);
  try {
    const { status, text, tookMs } = await answerOf(world, agent, asked);
    if (tookMs > LATE_MS) violated(`answered only after ${tookMs} ms`);
    asked.answered(status);
    add(tally.statuses, status);
    tally.slowestMs = Math.max(tally.slowestMs, tookMs);
    if (status >= 500) violated(`${status} ${text.slice(0, 600)}`);
    if (status < 300) add(tally.succeeded, asked.method === 'HEAD' ? 'HEAD' : asked.operation);
    if (asked.isForeign && status < 400) violated(`${status} for what is another tenant’s`);
    const leaked = foreignText(world, asked, text);
    if (leaked !== null) violated(`another tenant’s text, ${leaked}`);
  } catch (error) {
    violated(error instanceof Error ? error.message : String(error));
  }
}

interface Answer {
  readonly status: number;
  /** The headers and the body of the response. */
  readonly text: string;
  readonly tookMs: number;
}

async function answerOf(
  world: FuzzWorld,
  agent: Agent,
  { method, path, headers, body, sender }: FuzzRequest,
): Promise<Answer> {
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(HANG_MS);
  const answer = await request(world.api.url + path, {
    dispatcher: agent,
    method,
    headers: {
      ...headers,
      ...(sender.authorization === null ? {} : { authorization: sender.authorization }),
    },
    body: body instanceof Uint8Array ? Buffer.from(body) : body,
    signal,
  });
  const head = JSON.stringify(answer.headers);
  const isStream = String(answer.headers['content-type']).startsWith('text/event-stream');
  const bytes = isStream ? await beginningOf(answer.body) : Buffer.from(await answer.body.arrayBuffer());
  const tookMs = Math.round(performance.now() - startedAt);
  return { status: answer.statusCode, text: head + searchable(bytes), tookMs };
}

async function beginningOf(body: NodeJS.ReadableStream & { destroy(): void }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<undefined>();
  body.on('data', (chunk: Buffer) => void chunks.push(chunk));
  body.on('error', () => undefined);
  body.on('end', () => resolve(undefined));
  setTimeout(() => resolve(undefined), STREAM_MS);
  await promise;
  body.destroy();
  return Buffer.concat(chunks);
}

async function sendBytes(world: FuzzWorld, tally: Tally, random: () => number): Promise<void> {
  const raw = rawRequest(world, random);
  const shown = `bytes, ${raw.kind}, ${JSON.stringify(raw.text.slice(0, 600))}`;
  const violated = (what: string): void => void tally.violations.push(`${what}: ${shown}`);
  tally.kinds.add(`bytes ${raw.kind}`);
  try {
    const answer = await sendRaw(world.api.url, raw.text, AbortSignal.timeout(HANG_MS));
    const statuses = statusesOf(answer);
    if (statuses.some((status) => status >= 200 && status < 300)) add(tally.succeeded, 'bytes');
    for (const status of statuses.length === 0 ? [0] : statuses) {
      add(tally.statuses, status);
      if (status >= 500) violated(`${status} ${answer.slice(0, 300)}`);
    }
    const leaked = foreignText(world, { sender: raw.sender, opens: null, path: '', body: raw.text }, answer);
    if (leaked !== null) violated(`another tenant’s text, ${leaked}`);
  } catch (error) {
    violated(error instanceof Error ? error.message : String(error));
  }
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function described({ kind, sender, method, path, headers, body }: FuzzRequest): string {
  const shown = typeof body === 'string' ? body.slice(0, 300) : `${body?.byteLength ?? 0} bytes`;
  return `${kind}, by ${sender.name}: ${method} ${path.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${shown}`;
}
