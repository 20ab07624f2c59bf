import { getRequestListener, type Http2Bindings, type HttpBindings, RequestError } from '@hono/node-server';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { ERRORS, PointsmanError } from '@pointsman/protocol/errors';
import { PROBLEM_MEDIA_TYPE, problemType } from '@pointsman/protocol/problem';
import { EVENT_STREAM_TYPE } from '@pointsman/protocol/stream-events';
import { httpLimits } from '../../../core/limits/limits.ts';
import type { AddressRange } from '../../outbound/address-ranges.ts';
import { shareConnections } from './connection-shares.ts';
import { type Connection, connectionOf } from './connection.ts';
import { socketLimits, type SocketLimits } from '../limits.ts';
import { inTurn, owesResponse } from './pipelining.ts';
import { problemParts, problemResponse } from '../responses/problem.ts';
import { headProblem, type HeadProblem } from './request-head.ts';

/** The API server, which is listening on its socket. */
export interface ApiServer {
  readonly url: string;
  /**
   * Shuts down gracefully. Accepts no more connections, lets requests finish within {@link httpLimits.drainMs}, and then closes the
   * remaining connections.
   */
  stop(): Promise<void>;
}

/**
 * Responds to some requests before the router receives them. Returns null for a request that it does not handle. Otherwise returns a
 * promise of whether it has sent a response; if it has not, the router handles the request. The promise never rejects.
 */
export type EarlyResponder = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<boolean> | null;

export async function listen(
  fetch: (request: Request, connection: Connection) => Response | Promise<Response>,
  {
    host,
    port,
    limits = socketLimits,
    early = () => null,
    proxies,
  }: {
    host: string;
    port: number;
    limits?: SocketLimits;
    early?: EarlyResponder;
    /**
     * The addresses of proxies, which are exempt from the limits of connections per address and per network. By default, these are the
     * private addresses.
     */
    proxies?: readonly AddressRange[] | undefined;
  },
): Promise<ApiServer> {
  const answer = async (
    request: Request,
    { incoming, outgoing }: HttpBindings | Http2Bindings,
  ): Promise<Response> => {
    if (!(incoming instanceof IncomingMessage && outgoing instanceof ServerResponse))
      throw new TypeError('this server only supports HTTP/1.1');
    const response = await fetch(request, connectionOf(incoming, outgoing));
    // Read and discard the rest of the request body. Otherwise it would stay in memory until the response has been sent.
    if (!incoming.readableDidRead) incoming.resume();
    // Each byte that the reader receives restarts the timeout, so only connections of readers that have stopped reading
    // are closed.
    const isStream = response.headers.get('content-type') === EVENT_STREAM_TYPE;
    outgoing.setTimeout(isStream ? limits.streamSilenceMs : limits.responseSilenceMs);
    return response;
  };
  // Use Node's own Response class. The lightweight Response class of @hono/node-server does not handle more requests per second, and takes
  // 20 KiB more memory per waiting client.
  const listener = getRequestListener(answer, { errorHandler: answerBroken, overrideGlobalObjects: false });
  const take = receiver({ listener, early, limits });
  const server = createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.headerBytes,
      // The interval at which Node checks whether the timeout for the headers or for the whole request has expired.
      connectionsCheckingInterval: limits.checkMs,
      // Disable Node's own check for a missing Host header, because Node would itself respond to any number of such requests in one packet.
      // `headProblem` refuses these requests instead.
      requireHostHeader: false,
      IncomingMessage: Incoming,
      highWaterMark: limits.bufferBytes,
    },
    (incoming, outgoing) => take(incoming, outgoing),
  );
  server.maxHeadersCount = limits.headersCount;
  // Without listeners for these two events, Node would respond to every `Expect` header itself. It would do so for any number of requests,
  // and before the earlier requests have a response.
  server.on('checkContinue', (incoming, outgoing) => take(incoming, outgoing, { expectsContinue: true }));
  server.on('checkExpectation', (incoming, outgoing) => take(incoming, outgoing));
  server.maxConnections = limits.connections;
  shareConnections(server, { capacity: limits.connections, proxies });
  server.on('clientError', (error, socket: Socket) => answerUnreadable(error, socket, limits));
  server.listen({ host, port, backlog: limits.backlog });
  await once(server, 'listening');
  return { url: addressOf(server), stop: () => stop(server, limits) };
}

/**
 * By default, Node stops parsing HTTP on a connection after a CONNECT request. If no listener handles the tunnel, Node destroys the socket,
 * and pending responses are lost. This class makes Node parse CONNECT like any other method, so that it is refused after the earlier
 * requests were handled.
 */
class Incoming extends IncomingMessage {
  get upgrade(): boolean {
    return false;
  }

  set upgrade(_isTunnel: unknown) {}
}

/** Returns a handler that processes the requests of each connection one at a time. */
function receiver({
  listener,
  early,
  limits,
}: {
  listener: (incoming: IncomingMessage, outgoing: ServerResponse) => unknown;
  early: EarlyResponder;
  limits: SocketLimits;
}) {
  const bound = (outgoing: ServerResponse): unknown => outgoing.setTimeout(limits.responseSilenceMs);
  const refused = (problem: HeadProblem, incoming: IncomingMessage, outgoing: ServerResponse): void => {
    bound(outgoing);
    incoming.resume();
    refuse(problem, outgoing);
  };
  return (incoming: IncomingMessage, outgoing: ServerResponse, { expectsContinue = false } = {}): void =>
    inTurn(incoming, outgoing, limits, () => {
      // Clear the timeout that the previous response on this connection may have set. There is no timeout until the response begins.
      outgoing.setTimeout(0);
      const problem = headProblem(incoming);
      if (problem !== null) return refused(problem, incoming, outgoing);
      if (expectsContinue) outgoing.writeContinue();
      // Discard the body of a GET or HEAD request. No endpoint reads it, and it would stay in memory while the request waits.
      if (incoming.method === 'GET' || incoming.method === 'HEAD') incoming.resume();
      const answered = early(incoming, outgoing);
      if (answered === null) void listener(incoming, outgoing);
      else void answered.then((isAnswered) => (isAnswered ? bound(outgoing) : listener(incoming, outgoing)));
    });
}

function addressOf(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the server listens on no port');
  const { address, family, port } = bound;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

async function stop(server: Server, limits: SocketLimits): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A response that began before the shutdown does not have the header `Connection: close`. Its connection therefore becomes idle, and must
  // be closed here.
  const sweep = setInterval(() => server.closeIdleConnections(), limits.drainCheckMs);
  const late = setTimeout(() => server.closeAllConnections(), httpLimits.drainMs);
  await closed;
  clearTimeout(late);
  clearInterval(sweep);
}

/** Refuses a request whose head is invalid. The connection is closed, because it is uncertain where the body of such a request ends. */
function refuse({ detail, status }: HeadProblem, outgoing: ServerResponse): void {
  const error = new PointsmanError('malformed', detail, { details: { status } });
  const { headers, body } = problemParts(error, { requestId: randomUUID(), instance: '/' });
  outgoing.writeHead(status, { ...headers, connection: 'close' }).end(body);
}

/**
 * Responds to requests that never reached the router, such as requests with an invalid Host header. Also responds to errors that were
 * thrown outside the router.
 */
function answerBroken(error: unknown): Response {
  const known =
    error instanceof RequestError
      ? new PointsmanError('malformed', 'The URL or the Host header is invalid.', { cause: error })
      : error;
  return problemResponse(known, { requestId: randomUUID(), instance: '/' });
}

/**
 * Responds to bytes that are not valid HTTP. If a response to an earlier request is pending or has begun, closes the connection without a
 * response. Otherwise the client would take the error for a part of that response.
 */
function answerUnreadable(
  error: NodeJS.ErrnoException,
  socket: Socket,
  { responseSilenceMs }: Pick<SocketLimits, 'responseSilenceMs'>,
): void {
  // Node reports further data after a request with `Connection: close` as an error. The data is ignored, and that request still gets its
  // response.
  if (error.code === 'HPE_CLOSED_CONNECTION') return;
  if (error.code === 'ECONNRESET' || !socket.writable || owesResponse(socket)) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF[error.code ?? ''] ?? '400 Bad Request';
  const body = JSON.stringify({
    type: problemType('malformed'),
    title: ERRORS.malformed.title,
    status: Number.parseInt(status, 10),
    detail: 'The request is not valid HTTP, or it arrived too slowly.',
    code: 'malformed',
  });
  // Without a timeout, a client that neither reads the response nor closes the connection would keep the socket open.
  socket.setTimeout(responseSilenceMs);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const STATUS_OF: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
