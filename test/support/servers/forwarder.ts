import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/**
 * A proxy between a client and the API. It records requests. A test can make it change responses, refuse connections or reject requests.
 */
export interface Forwarder {
  readonly url: string;
  /** The paths of the `GET /v1/…` requests in order of arrival, without query strings. */
  readonly asked: string[];
  /** Returns a replacement for the body of a response, given the path. Null leaves the body unchanged. */
  tamper: ((path: string, body: Buffer) => Buffer | null) | null;
  /** Returns a status with which the proxy responds instead of the API. Null forwards the request. */
  refuse: ((method: string, path: string) => number | null) | null;
  /** Refuses new connections, and closes the open connections. */
  down(): void;
  up(target?: string): void;
  close(): Promise<void>;
}

export async function startForwarder(target: string): Promise<Forwarder> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  let to = target;
  let isDown = false;
  const server = createServer((arrived, answer) => {
    const path = (arrived.url ?? '').split('?')[0] ?? '';
    asked.push(`${arrived.method} ${path}`);
    const status = forwarder.refuse?.(arrived.method ?? '', path) ?? null;
    if (status !== null) {
      arrived.resume();
      answer.writeHead(status, { 'content-type': 'application/problem+json' });
      answer.end(JSON.stringify({ detail: `refused with ${status}` }));
      return;
    }
    forward(arrived, answer, to, (body) => forwarder.tamper?.(path, body) ?? null);
  });
  server.on('connection', (socket) => {
    if (isDown) return void socket.destroy();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>(
    (resolve) => void server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve),
  );
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const forwarder: Forwarder = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    tamper: null,
    refuse: null,
    down() {
      isDown = true;
      cut();
    },
    up(next = to) {
      to = next;
      isDown = false;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
  return forwarder;
}

/** Streams the response, unless the whole body must be changed. */
function forward(
  arrived: IncomingMessage,
  answer: ServerResponse,
  to: string,
  change: (body: Buffer) => Buffer | null,
): void {
  const { method, headers, url } = arrived;
  const sent = request(new URL(url ?? '/', to), { method, headers }, (theirs) => {
    const isStream = String(theirs.headers['content-type']).startsWith('text/event-stream');
    if (isStream) {
      answer.writeHead(theirs.statusCode ?? 500, theirs.headers);
      theirs.pipe(answer);
      return;
    }
    theirs.toArray().then(
      (chunks: Buffer[]) => {
        const body = Buffer.concat(chunks);
        const changed = change(body);
        const { 'content-length': _length, ...rest } = theirs.headers;
        answer.writeHead(theirs.statusCode ?? 500, changed === null ? theirs.headers : rest);
        answer.end(changed ?? body);
      },
      () => answer.destroy(),
    );
  });
  sent.on('error', () => answer.destroy());
  answer.on('close', () => sent.destroy());
  answer.on('error', () => {});
  arrived.pipe(sent);
}
