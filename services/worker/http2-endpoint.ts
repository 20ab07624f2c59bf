import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';

import type { createEndpointHandler } from '@restatedev/restate-sdk';

import { httpLimits } from '../../core/limits/limits.ts';

export type EndpointListener = ReturnType<typeof createEndpointHandler>;

export interface Endpoint {
  readonly port: number;
  /**
   * Stops the server. New work is not accepted, and running steps have `httpLimits.drainMs` to end. After that, all
   * connections are closed. Restate continues the interrupted invocations on another worker, or later on this one.
   */
  close(): Promise<void>;
}

/**
 * Serves the durable handlers to Restate over HTTP/2 without TLS. The address must not be reachable from a public
 * network.
 */
export async function serveEndpoint(
  listener: EndpointListener,
  host: string,
  port: number,
): Promise<Endpoint> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(listener);
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const session of sessions) session.close();
      const hangUp = setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, httpLimits.drainMs);
      await closed;
      clearTimeout(hangUp);
    },
  };
}

function listen(server: Http2Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
