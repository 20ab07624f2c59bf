import { Agent, request } from 'undici';

import { seededRandom } from '../support/seeded-random.ts';
import { type FuzzRequest, nextRequest } from './requests.ts';
import { sendRaw, statusesOf } from './raw-http.ts';
import type { FuzzWorld } from './world.ts';

/** Past this an answer counts as one that does not come. The longest that a request may take by right is a compilation of 60 s, which no source of a run needs. */
const HANG_MS = 10_000;
const AT_ONCE = 16;
/** Every so many requests one is raw bytes on a socket. */
const RAW_EVERY = 20;
/** Of a stream of events: what comes first is looked at, and it is left. */
const STREAM_MS = 200;
const SHOWN = 20;

export interface FuzzReport {
  readonly requests: number;
  /** How many answers had which status; 0 for a connection that was closed without one. */
  readonly statuses: ReadonlyMap<number, number>;
  readonly kinds: number;
  /** Each in a line, at most {@link SHOWN}: a 5xx, an answer that did not come, something of another tenant. */
  readonly violations: readonly string[];
  /** Resident memory of the API before and after, in MiB. */
  readonly beforeMiB: number;
  readonly afterMiB: number;
  readonly slowestMs: number;
}

interface Tally {
  readonly statuses: Map<number, number>;
  readonly kinds: Set<string>;
  readonly violations: string[];
  slowestMs: number;
}

/** Sends that many requests, some at once. The same seed sends the same requests, in nearly the same order. */
export async function fuzz(
  world: FuzzWorld,
  { requests, seed }: { requests: number; seed: string },
): Promise<FuzzReport> {
  const tally: Tally = { statuses: new Map(), kinds: new Set(), violations: [], slowestMs: 0 };
  const agent = new Agent({ connections: AT_ONCE });
  const beforeMiB = await world.api.residentMiB();
  let sent = 0;
  const work = async (name: string): Promise<void> => {
    const random = seededRandom(seed, name);
    while (sent < requests && tally.violations.length < SHOWN) {
      sent += 1;
      if (sent % RAW_EVERY === 0) await sendBytes(world, tally, random);
      else await send(world, tally, agent, await nextRequest(world, random));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_none, n) => work(`client ${n}`)));
  await agent.close();
  const afterMiB = await world.api.residentMiB();
  return { requests: sent, ...tally, kinds: tally.kinds.size, beforeMiB, afterMiB };
}

async function send(world: FuzzWorld, tally: Tally, agent: Agent, asked: FuzzRequest): Promise<void> {
  tally.kinds.add(asked.kind);
  const startedAt = performance.now();
  try {
    const { status, text } = await answerOf(world, agent, asked);
    count(tally, status);
    tally.slowestMs = Math.max(tally.slowestMs, performance.now() - startedAt);
    if (status >= 500) tally.violations.push(`${status}: ${described(asked)} → ${text.slice(0, 300)}`);
    const leaked = asked.sender.maySeeRival ? undefined : foreignText(world, asked, text);
    if (leaked !== undefined) tally.violations.push(`another tenant’s ${leaked}: ${described(asked)}`);
  } catch (error) {
    tally.violations.push(`${error instanceof Error ? error.message : String(error)}: ${described(asked)}`);
  }
}

async function answerOf(
  world: FuzzWorld,
  agent: Agent,
  { method, path, headers, body, sender }: FuzzRequest,
): Promise<{ status: number; text: string }> {
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
  if (!isStream) return { status: answer.statusCode, text: head + (await answer.body.text()) };
  const first = await beginningOf(answer.body);
  return { status: answer.statusCode, text: head + first };
}

async function beginningOf(body: NodeJS.ReadableStream & { destroy(): void }): Promise<string> {
  let text = '';
  const { promise, resolve } = Promise.withResolvers<undefined>();
  body.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  body.on('error', () => undefined);
  body.on('end', () => resolve(undefined));
  setTimeout(() => resolve(undefined), STREAM_MS);
  await promise;
  body.destroy();
  return text;
}

async function sendBytes(world: FuzzWorld, tally: Tally, random: () => number): Promise<void> {
  try {
    const { kind, text } = await sendRaw(world.api.url, random, AbortSignal.timeout(HANG_MS));
    tally.kinds.add(`bytes ${kind}`);
    const statuses = statusesOf(text);
    for (const status of statuses.length === 0 ? [0] : statuses) {
      count(tally, status);
      if (status >= 500) tally.violations.push(`${status}: bytes "${kind}" → ${text.slice(0, 300)}`);
    }
  } catch (error) {
    tally.violations.push(String(error));
  }
}

function count({ statuses }: Tally, status: number): void {
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
}

/** A secret of the rival that the request did not carry itself. */
function foreignText(
  { secrets }: FuzzWorld,
  { path, body, headers }: FuzzRequest,
  text: string,
): string | undefined {
  const carried = `${path} ${JSON.stringify(headers)} ${typeof body === 'string' ? body : ''}`;
  return secrets.find((secret) => text.includes(secret) && !carried.includes(secret));
}

function described({ kind, sender, method, path, headers, body }: FuzzRequest): string {
  const shown = typeof body === 'string' ? body.slice(0, 300) : `${body?.byteLength ?? 0} bytes`;
  return `${kind}, by ${sender.name}: ${method} ${path.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${shown}`;
}
