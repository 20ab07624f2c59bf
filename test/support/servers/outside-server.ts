import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import type { Certificate } from './certificate.ts';

/** A request as the server received it. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** The time of arrival, by a monotonic clock. */
  readonly atMs: number;
}

/** A server outside Pointsman, on 127.0.0.1. */
export interface OutsideServer {
  readonly port: number;
  readonly origin: string;
  /** The requests in order of arrival. */
  readonly arrived: readonly Arrived[];
  /** The number of connections opened so far, including those whose TLS handshake failed. */
  connections(): number;
  close(): Promise<void>;
}

export type Answer = (request: Arrived, response: ServerResponse) => void;

/**
 * Starts a server that handles requests with `answer`. If `answer` does not end a response, the request hangs until the server is closed.
 */
export async function startOutsideServer(answer: Answer, tls?: Certificate): Promise<OutsideServer> {
  const arrived: Arrived[] = [];
  let connections = 0;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const head = { method, path, headers: { ...headers } as Arrived['headers'], body: text(chunks) };
      const whole = { ...head, atMs: performance.now() };
      arrived.push(whole);
      answer(whole, response);
    });
    // The client may abort a call at any time, which is not an error of this server.
    request.on('error', () => {});
    response.on('error', () => {});
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', () => connections++);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    arrived,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The times between consecutive requests, in milliseconds. */
export function gapsMs(arrived: readonly Arrived[]): number[] {
  return arrived.slice(1).map(({ atMs }, at) => atMs - arrived[at]!.atMs);
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}
