import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';

import { z } from 'zod';

import { eventually } from '../runs/eventually.ts';
import { type Arrived, startOutsideServer } from './outside-server.ts';

/** What a commit was told. */
const Status = z.looseObject({
  state: z.string(),
  context: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
});
export type Status = z.infer<typeof Status>;

/** Answers a request in place of the host; false leaves it to the host. */
export type Misbehaviour = (request: Arrived, response: ServerResponse) => boolean;

/**
 * Stands for GitHub and GitLab: the parts of their APIs that are called, and, at an origin of its own, the host that keeps archives, to which
 * GitHub's API sends on.
 */
export interface CodeHost {
  readonly githubApi: string;
  readonly gitlabApi: string;
  /** Of archives; what generic payloads name as their source. */
  readonly archives: string;
  /** The archive of a commit. */
  put(commit: string, archive: Buffer): void;
  /** The next request that has that in its path is answered so; one after the other. */
  next(part: string, answer: Misbehaviour): void;
  /** The next request that has that in its path waits for what this gives to be called, and is then answered as ever. */
  hold(part: string): () => void;
  /** Requests that had that in their path. */
  arrived(part: string): Arrived[];
  /** All that a commit was told, once the last of it is that state. What was told twice in a row stands there once. */
  told(commit: string, last: string): Promise<Status[]>;
  /** Every word that arrived, repetitions too. */
  words(commit: string): Status[];
  close(): Promise<void>;
}

export async function startCodeHost(): Promise<CodeHost> {
  const contents = new Map<string, Buffer>();
  const pending: { part: string; answer: Misbehaviour }[] = [];
  const misbehave: Misbehaviour = (request, response) => {
    const index = pending.findIndex(({ part }) => request.path.includes(part));
    if (index === -1) return false;
    const [{ answer } = { answer: () => false }] = pending.splice(index, 1);
    return answer(request, response);
  };
  const sendArchive = (path: string, response: ServerResponse): void => {
    const commit = [...contents.keys()].find((one) => path.includes(one));
    const archive = commit === undefined ? undefined : contents.get(commit);
    if (archive === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'application/x-gzip' }).end(archive);
  };
  const answerArchive = (request: Arrived, response: ServerResponse): void => {
    if (!misbehave(request, response)) sendArchive(request.path, response);
  };
  const archives = await startOutsideServer(answerArchive);
  const api = await startOutsideServer((request, response) => {
    if (misbehave(request, response)) return;
    const { method, path } = request;
    const tarball = /^\/repos\/[^/]+\/[^/]+\/tarball\/(.+)$/.exec(path)?.[1];
    if (tarball !== undefined)
      response.writeHead(302, { location: `${archives.origin}/codeload/${tarball}` }).end();
    else if (method === 'POST') response.writeHead(201, { 'content-type': 'application/json' }).end('{}');
    else sendArchive(path, response);
  });
  const statuses = (commit: string): Status[] =>
    api.arrived
      .filter(
        ({ method, path, body }) => method === 'POST' && (path.includes(commit) || body.includes(commit)),
      )
      .map(({ body }) => Status.parse(JSON.parse(body)));
  return {
    githubApi: api.origin,
    gitlabApi: `${api.origin}/api/v4`,
    archives: archives.origin,
    put: (commit, archive) => void contents.set(commit, archive),
    next: (part, answer) => void pending.push({ part, answer }),
    hold(part) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const answer: Misbehaviour = (request, response) => {
        void promise.then(() => answerArchive(request, response));
        return true;
      };
      pending.push({ part, answer });
      return resolve;
    },
    arrived: (part) => [...api.arrived, ...archives.arrived].filter(({ path }) => path.includes(part)),
    told: (commit, last) =>
      eventually(
        async () => {
          const all = statuses(commit);
          return all.at(-1)?.state === last
            ? all.filter((word, at) => !isDeepStrictEqual(word, all[at - 1]))
            : null;
        },
        { what: `${commit} is told "${last}"`, withinMs: 60_000 },
      ),
    words: statuses,
    close: async () => {
      await Promise.all([api.close(), archives.close()]);
    },
  };
}

/** Nobody answers until the connection is gone. */
export const silence: Misbehaviour = () => true;

export function answerWith(status: number, headers: Record<string, string> = {}, body = ''): Misbehaviour {
  return (_request, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
}

/** Sends so many bytes that mean nothing, as long as somebody takes them. */
export function flood(bytes: number): { readonly answer: Misbehaviour; readonly sent: () => number } {
  let sent = 0;
  function* zeros(): Generator<Buffer> {
    for (const chunk = Buffer.alloc(64 * 1024); sent < bytes; sent += chunk.length) yield chunk;
  }
  const answer: Misbehaviour = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-gzip' });
    // Who breaks off has had enough.
    pipeline(Readable.from(zeros()), response, () => {});
    return true;
  };
  return { answer, sent: () => sent };
}

/** As GitHub signs. */
export function signatureOf(secret: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}
