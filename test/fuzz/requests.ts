import { HOSTILE_TEXTS, hostileCursors, hostileDocuments } from '../support/hostile-values.ts';
import { operationsOf } from '../support/hostile-requests.ts';
import type { Random } from '../support/seeded-random.ts';
import { hostileArchive } from './archives.ts';
import { hostileDelivery } from './deliveries.ts';
import { pick, times } from './random.ts';
import { hostileSource } from './sources.ts';
import type { FuzzWorld, Sender } from './world.ts';

/** One request of a run. */
export interface FuzzRequest {
  /** What it tries, for the report. */
  readonly kind: string;
  readonly sender: Sender;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
}

type Generator = (world: FuzzWorld, random: Random) => Promise<FuzzRequest> | FuzzRequest;

/** Kinds of requests and their weights. Archives and sources cost a thread's time each, so that they are fewer. */
const KINDS: readonly (readonly [weight: number, Generator])[] = [
  [70, anyOperation],
  [10, rivalsAddress],
  [8, delivery],
  [8, source],
  [4, archive],
];
const TOTAL = KINDS.reduce((sum, [weight]) => sum + weight, 0);

export async function nextRequest(world: FuzzWorld, random: Random): Promise<FuzzRequest> {
  let left = random() * TOTAL;
  for (const [weight, generate] of KINDS) {
    left -= weight;
    if (left < 0) return generate(world, random);
  }
  return anyOperation(world, random);
}

/** Half of the requests come from those who may do most: refusals are found early, and what is behind them is not. */
function senderOf(random: Random, senders: readonly Sender[]): Sender {
  const strong = senders.filter(({ name }) => name.endsWith('admin') || name.endsWith('publisher'));
  return pick(random, random() < 0.5 ? strong : senders);
}

/** Any operation of the OpenAPI document, right in most places and hostile in some. */
function anyOperation(world: FuzzWorld, random: Random): FuzzRequest {
  return operationRequest(world, random, { kind: 'operation', values: world.acme });
}

/** The same with the names of another tenant. */
function rivalsAddress(world: FuzzWorld, random: Random): FuzzRequest {
  return operationRequest(world, random, { kind: 'another tenant', values: world.rival });
}

function operationRequest(
  { document, senders }: FuzzWorld,
  random: Random,
  { kind, values }: { kind: string; values: FuzzWorld['acme'] },
): FuzzRequest {
  const operation = pick(random, operationsOnce(document));
  const hostile = (chance: number): boolean => random() < chance;
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    const right = values.parameters[name] ?? 'missing';
    return encodePart(hostile(0.12) ? pick(random, HOSTILE_TEXTS) || 'x' : right);
  });
  const query = operation.parameters
    .filter(({ in: place }) => place === 'query' && random() < 0.3)
    .map(({ name }) => `${name}=${encodePart(queryValue(random, name, hostile(0.6)))}`);
  const body = bodyOf(random, values.bodies[operation.operationId], operation.requestBody !== undefined);
  return {
    kind: `${kind} ${operation.operationId}`,
    sender: senderOf(random, senders),
    method: operation.method,
    path: query.length === 0 ? path : `${path}?${query.join('&')}`,
    headers: { ...headersOf(random), ...(body === null ? {} : { 'content-type': contentType(random) }) },
    body,
  };
}

let operations: ReturnType<typeof operationsOf> | null = null;

function operationsOnce(document: unknown): ReturnType<typeof operationsOf> {
  return (operations ??= operationsOf(document));
}

const CURSORS = hostileCursors();
const JSON_VALUES = [...hostileDocuments(null)];

/** A wait is short: the run is about answers, and a long-poll is right to take its time. */
function queryValue(random: Random, name: string, isHostile: boolean): string {
  if (name === 'wait') return pick(random, ['0s', '1s', '-1s', '1e9s', 'forever']);
  if (name === 'cursor') return pick(random, CURSORS);
  return isHostile ? pick(random, HOSTILE_TEXTS) : pick(random, ['1', '10', 'true', 'open', 'live']);
}

/** Documents of one base, made once: there are thousands. */
const made = new Map<string, readonly string[]>();

function bodyOf(random: Random, base: unknown, takesBody: boolean): string | null {
  if (!takesBody) return random() < 0.03 ? pick(random, JSON_VALUES) : null;
  if (base === undefined || random() < 0.1) return pick(random, JSON_VALUES);
  const json = JSON.stringify(base);
  if (random() < 0.35) return json;
  if (random() < 0.15) return broken(random, json);
  const documents = made.get(json) ?? [...hostileDocuments(base)];
  made.set(json, documents);
  return pick(random, documents);
}

/** Cut, doubled, nested deeply, or with bytes that are no UTF-8. */
function broken(random: Random, json: string): string {
  return pick(random, [
    json.slice(0, Math.floor(random() * json.length)),
    json + json,
    '['.repeat(5_000),
    `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`,
    `{${times(2_000, (n) => `"k${n}":0`).join(',')}}`,
    `{"files":{${times(300, (n) => `"f${n % 3}.json":"{}"`).join(',')}}}`,
    `﻿${json}`,
  ]);
}

function contentType(random: Random): string {
  if (random() < 0.9) return 'application/json';
  return pick(random, [
    'application/gzip',
    'text/plain',
    'application/json; charset=utf-7',
    'multipart/form-data; boundary=x',
    'application/json, application/gzip',
    '/',
  ]);
}

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'if-match': ['"1"', '"0"', '*', 'W/"1"', '"99999999999999999999"', '"2.1"', '1', '"\\""'],
  'if-none-match': ['"1"', '*', 'W/"1", "2"', '"', ','],
  'idempotency-key': ['fuzz-1', 'fuzz-2', 'hook/main/1', 'x'.repeat(300), ' ', '"a"'],
  accept: ['application/json', 'text/html', '*/*;q=0', 'text/event-stream', 'a/b;q=9', ','],
  'accept-encoding': ['gzip', 'identity;q=0', 'br, *;q=0'],
  'content-encoding': ['gzip', 'identity', 'deflate, gzip'],
  'last-event-id': ['0', '7.1', '-1', 'x', '99999999999999999999'],
  traceparent: ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '00-0-0-0', 'x'],
  'x-request-id': ['fuzz', 'a'.repeat(500), '{"a":1}'],
  range: ['bytes=0-0', 'bytes=9999999-', 'bytes=-1', 'items=0-1'],
  'x-http-method-override': ['DELETE'],
  'x-forwarded-host': ['evil.example'],
  origin: ['https://evil.example'],
};

function headersOf(random: Random): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const [name, values] of Object.entries(HEADERS))
    if (random() < 0.07) chosen[name] = pick(random, values);
  return chosen;
}

/** Percent-encoded, mostly: some parts are sent as they are, as far as a request line can hold them. */
function encodePart(text: string): string {
  const encoded = Array.from(text, (one) => (one.isWellFormed() ? encodeURIComponent(one) : '%ED%A0%80'));
  return encoded.join('').slice(0, 6_000);
}

async function archive({ acme, senders }: FuzzWorld, random: Random): Promise<FuzzRequest> {
  const { kind, bytes } = await hostileArchive(random);
  return {
    kind: `archive ${kind}`,
    sender: senderOf(random, senders),
    method: 'POST',
    path: `/v1/tenants/${acme.parameters['tenant']}/bundles/archives/releases?dryRun=true`,
    headers: { 'content-type': 'application/gzip' },
    body: bytes,
  };
}

function source({ acme, senders }: FuzzWorld, random: Random): FuzzRequest {
  const { kind, files } = hostileSource(random);
  const dryRun = random() < 0.8 ? '?dryRun=true' : '';
  return {
    kind: `source ${kind}`,
    sender: senderOf(random, senders),
    method: 'POST',
    path: `/v1/tenants/${acme.parameters['tenant']}/bundles/sources/releases${dryRun}`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ files }),
  };
}

function delivery({ acme, hookSecret, senders }: FuzzWorld, random: Random): FuzzRequest {
  const { kind, headers, body } = hostileDelivery(random, hookSecret);
  const [nobody] = senders;
  return {
    kind: `delivery ${kind}`,
    sender: nobody!,
    method: 'POST',
    path: `/v1/tenants/${acme.parameters['tenant']}/hooks/main/deliveries`,
    headers,
    body,
  };
}
