import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { artifactManifest } from '../../../packages/protocol/artifacts/oci.ts';
import type { Outcome } from '../../../packages/protocol/releases/release.ts';

/** A request as the scripted API received it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export type Respond = (seen: SeenRequest, response: ServerResponse) => void;

export interface ScriptedApi {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  close(): Promise<void>;
}

/**
 * A fake API whose responses a test defines by `METHOD /path`, for responses that a real API sends only when it
 * fails. If a request has a list of responses, they are used one by one, and the last one is repeated. A request
 * without a defined response gets 404.
 */
export async function scriptedApi(
  script: Readonly<Record<string, Respond | readonly Respond[]>>,
): Promise<ScriptedApi> {
  const seen: SeenRequest[] = [];
  const used = new Map<string, number>();
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://scripted');
      const one = {
        method: request.method ?? '',
        path: pathname,
        query: searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks as Buffer[]),
      };
      seen.push(one);
      const key = `${one.method} ${one.path}`;
      const entry = script[key] ?? problem(404, 'not_found', `nothing at ${key}`);
      const list: readonly Respond[] = typeof entry === 'function' ? [entry] : entry;
      const turn = used.get(key) ?? 0;
      used.set(key, turn + 1);
      list[Math.min(turn, list.length - 1)]?.(one, response);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Respond {
  return (_seen, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function problem(
  status: number,
  code: string,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Respond {
  const type = { 'content-type': 'application/problem+json', ...headers };
  return json(
    { type: `urn:pointsman:problem:${code}`, title: code, status, code, detail, ...more },
    status,
    type,
  );
}

/** An event stream that contains this text and is then cut off. */
export function events(text: string): Respond {
  return (_seen, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
}

/** Closes the connection instead of sending a response. */
export const hangUp: Respond = (_seen, response) => void response.destroy();

export const DIGEST = `sha256:${'a'.repeat(64)}`;

/** A tenant as the API shows it. */
export function tenant(name: string): Record<string, unknown> {
  return { tenant: name, createdAt: '2026-01-01T00:00:00.000Z' };
}

/** A release of acme/bot as the API shows it. */
export function release(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    tenant: 'acme',
    bundle: 'bot',
    version: 1,
    channel: 'live',
    correlationId: 'acme:bot:v1',
    status: 'running',
    stage: 'compile',
    outcome: null,
    verification: null,
    reason: null,
    source: DIGEST,
    digest: null,
    generation: null,
    message: null,
    notBefore: null,
    policyVersion: 0,
    by: 'ci',
    origin: null,
    settledAt: null,
    sameAs: null,
    supersededBy: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    waitingFor: [],
    stages: [],
    effects: [],
    gates: [],
    ...more,
  };
}

/** The response to a publish. */
export function accepted(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { ...release(), warnings: [], ...more };
}

/** The response to a dry run. */
export function dryRun(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    valid: true,
    checked: 'source',
    digest: DIGEST,
    diagnostics: [],
    truncated: false,
    warnings: [],
    ...more,
  };
}

/** An approval gate that is open, as the API shows it. */
export function gate(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    gate: 'release',
    kind: 'approval',
    state: 'open',
    statusText: 'waits for 1 of 1 approval by a token with the role approver',
    openedAt: '2026-01-01T00:00:00.000Z',
    deadlineAt: '2026-01-02T00:00:00.000Z',
    opensAt: null,
    decidedAt: null,
    baseGeneration: 2,
    needed: 1,
    decisions: [],
    ...more,
  };
}

export function settled(
  outcome: Outcome,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return release({ status: 'settled', stage: null, outcome, ...more });
}

export function pointer(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    version: 2,
    digest: DIGEST,
    generation: 2,
    hold: null,
    movedAt: '2026-01-02T03:04:05.000Z',
    ...more,
  };
}

/** A move of a pointer as the API shows it. */
export function move(generation: number, from: number | null, to: number): Record<string, unknown> {
  const end = (version: number) => ({ version, digest: DIGEST });
  const movedAt = '2026-01-02T03:04:05.678Z';
  return {
    generation,
    from: from === null ? null : end(from),
    to: end(to),
    by: 'ann',
    why: 'why',
    restores: null,
    movedAt,
  };
}

/** The manifest of an artifact with these files: their paths, and the character that their digests repeat. */
export function manifest(files: readonly (readonly [path: string, character: string])[]): Respond {
  const described = files.map(([path, character]) => ({
    path,
    digest: `sha256:${character.repeat(64)}`,
    size: 1,
    mediaType: 'application/json',
  }));
  return json(JSON.parse(artifactManifest(described).manifest.text));
}
