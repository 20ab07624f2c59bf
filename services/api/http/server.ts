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

/** The API while it listens on its socket. */
export interface ApiServer {
  readonly url: string;
  /**
   * Shuts down gracefully: accepts no more connections, lets requests finish within {@link httpLimits.drainMs}, then
   * closes the remaining connections.
   */
  stop(): Promise<void>;
}

/**
 * Responds to a request before the router receives it. Returns null if it does not handle the request. Otherwise
 * returns a promise that resolves to whether it has responded; if not, the router handles the request as usual. The
 * promise never rejects.
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
     * Addresses that each represent many clients and are exempt from the connection shares. Default: private addresses.
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
    // Otherwise an unread body would stay in memory until the response was sent.
    if (!incoming.readableDidRead) incoming.resume();
    // Each byte that the reader receives restarts the timeout, so only connections of readers that have stopped reading
    // are closed.
    const isStream = response.headers.get('content-type') === EVENT_STREAM_TYPE;
    outgoing.setTimeout(isStream ? limits.streamSilenceMs : limits.responseSilenceMs);
    return response;
  };
  // Use Node's own Response. The lightweight Response of the library handles no more requests per second, and costs 20
  // KiB more per waiting client.
  const listener = getRequestListener(answer, { errorHandler: answerBroken, overrideGlobalObjects: false });
  const take = receiver({ listener, early, limits });
  const server = createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.headerBytes,
      // The interval at which Node checks the two timeouts.
      connectionsCheckingInterval: limits.checkMs,
      // Otherwise Node itself would respond to every request without a Host, for any number of such requests in one
      // packet. `headProblem` refuses them instead.
      requireHostHeader: false,
      IncomingMessage: Incoming,
      highWaterMark: limits.bufferBytes,
    },
    (incoming, outgoing) => take(incoming, outgoing),
  );
  server.maxHeadersCount = limits.headersCount;
  // Without these two listeners, Node itself would respond to every `Expect` header, ahead of earlier requests and
  // without a limit.
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
 * By default, Node stops HTTP processing on a connection at a CONNECT request. Without a tunnel handler it destroys the
 * socket, which loses the pending responses. This class treats CONNECT like any other method, so that it is refused in
 * its turn.
 */
class Incoming extends IncomingMessage {
  get upgrade(): boolean {
    return false;
  }

  set upgrade(_isTunnel: unknown) {}
}

/** Returns a handler that processes each request in its turn. */
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
      // There is no timeout until the response begins. The previous response on this connection may have set one.
      outgoing.setTimeout(0);
      const problem = headProblem(incoming);
      if (problem !== null) return refused(problem, incoming, outgoing);
      if (expectsContinue) outgoing.writeContinue();
      // No endpoint reads the body of a GET or HEAD request, and some of these requests wait long before they get a
      // response.
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
  // A response that began before the shutdown has no `Connection: close`, so its connection becomes idle and must be
  // closed here.
  const sweep = setInterval(() => server.closeIdleConnections(), limits.drainCheckMs);
  const late = setTimeout(() => server.closeAllConnections(), httpLimits.drainMs);
  await closed;
  clearTimeout(late);
  clearInterval(sweep);
}

/**
 * Refuses a request with an invalid head. The connection closes, because it is uncertain where the body of such a
 * request ends.
 */
function refuse({ detail, status }: HeadProblem, outgoing: ServerResponse): void {
  const error = new PointsmanError('malformed', detail, { details: { status } });
  const { headers, body } = problemParts(error, { requestId: randomUUID(), instance: '/' });
  outgoing.writeHead(status, { ...headers, connection: 'close' }).end(body);
}

/**
 * Responds to requests that the router never received, such as requests with an invalid Host header, and to errors
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
 * Responds to bytes that are not valid HTTP. If a response to an earlier request is pending or has begun, the client
 * would mistake the error for a part of it, so the connection is closed without a response.
 */
function answerUnreadable(
  error: NodeJS.ErrnoException,
  socket: Socket,
  { responseSilenceMs }: Pick<SocketLimits, 'responseSilenceMs'>,
): void {
  // Node reports further data after a request with "Connection: close" as an error. The data is ignored, and the
  // request still gets its response.
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
  // A client that neither reads nor closes must not keep the socket open.
  socket.setTimeout(responseSilenceMs);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const STATUS_OF: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
