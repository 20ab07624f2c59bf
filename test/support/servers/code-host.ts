import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';

import { z } from 'zod';

import { eventually } from '../runs/eventually.ts';
import { type Arrived, startOutsideServer } from './outside-server.ts';

/** A commit status that the host received. */
const Status = z.looseObject({
  state: z.string(),
  context: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
});
export type Status = z.infer<typeof Status>;

/** A function that handles a request in place of the host. If it returns false, the host handles the request. */
export type Misbehaviour = (request: Arrived, response: ServerResponse) => boolean;

/**
 * A fake GitHub and GitLab. It implements the parts of their APIs that Pointsman calls. It serves the archives at a
 * separate origin, because GitHub's API redirects to another origin.
 */
export interface CodeHost {
  readonly githubApi: string;
  readonly gitlabApi: string;
  /** The origin that serves the archives. Generic pushes name it as their source. */
  readonly archives: string;
  /** Stores the archive of a commit. */
  put(commit: string, archive: Buffer): void;
  /** Handles the next request whose path contains `part` with `answer`. Repeated calls apply to consecutive requests. */
  next(part: string, answer: Misbehaviour): void;
  /**
   * Delays the next request whose path contains `part` until the returned function is called. The host then handles the request normally.
   */
  hold(part: string): () => void;
  /** The requests whose path contained `part`. */
  arrived(part: string): Arrived[];
  /** Waits until the last status of a commit is `last`, and returns all its statuses without consecutive duplicates. */
  statusesUntil(commit: string, last: string): Promise<Status[]>;
  /** Every status that arrived, including duplicates. */
  allStatuses(commit: string): Status[];
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
    statusesUntil: (commit, last) =>
      eventually(
        async () => {
          const all = statuses(commit);
          return all.at(-1)?.state === last
            ? all.filter((word, at) => !isDeepStrictEqual(word, all[at - 1]))
            : null;
        },
        { what: `${commit} has the status "${last}"`, withinMs: 60_000 },
      ),
    allStatuses: statuses,
    close: async () => {
      await Promise.all([api.close(), archives.close()]);
    },
  };
}

/** Sends no response until the connection is closed. */
export const silence: Misbehaviour = () => true;

export function answerWith(status: number, headers: Record<string, string> = {}, body = ''): Misbehaviour {
  return (_request, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
}

/** Sends `bytes` zero bytes, as long as the client reads them. */
export function flood(bytes: number): { readonly answer: Misbehaviour; readonly sent: () => number } {
  let sent = 0;
  function* zeros(): Generator<Buffer> {
    for (const chunk = Buffer.alloc(64 * 1024); sent < bytes; sent += chunk.length) yield chunk;
  }
  const answer: Misbehaviour = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-gzip' });
    // The client may close the connection at any time, which is not an error.
    pipeline(Readable.from(zeros()), response, () => {});
    return true;
  };
  return { answer, sent: () => sent };
}

/** Computes the signature as GitHub does. */
export function signatureOf(secret: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}
