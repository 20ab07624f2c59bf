import { getRequestListener, type Http2Bindings, type HttpBindings, RequestError } from '@hono/node-server';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { ERRORS, PointsmanError } from '@pointsman/protocol/errors';
import { httpLimits } from '../../../core/limits/limits.ts';
import type { AddressRange } from '../../outbound/address-ranges.ts';
import { shareConnections } from './connection-shares.ts';
import { type Connection, connectionOf } from './connection.ts';
import { socketLimits, type SocketLimits } from '../limits.ts';
import { inTurn, owesResponse } from './pipelining.ts';
import { problemParts, problemResponse } from '../responses/problem.ts';
import { headProblem, type HeadProblem } from './request-head.ts';

/** The socket of the API. */
export interface ApiServer {
  readonly url: string;
  /** Graceful shutdown: accepts no more connections, lets requests finish within {@link httpLimits.drainMs}, then closes the rest. */
  stop(): Promise<void>;
}

/**
 * Answers a request before the router sees it. Returns null for a request that it does not handle; otherwise a promise of whether it
 * answered. If it did not, the router handles the request as usual. Never rejects.
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
    /** Addresses that each represent many clients, and are exempt from the shares of connections. Default: private addresses. */
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
    // An unread body would be held until the response was sent.
    if (!incoming.readableDidRead) incoming.resume();
    // Each byte that the reader receives restarts the timeout, so only connections of readers that stopped reading end.
    const isStream = response.headers.get('content-type') === 'text/event-stream';
    outgoing.setTimeout(isStream ? limits.streamSilenceMs : limits.responseSilenceMs);
    return response;
  };
  // Node's own Response: the library's lighter one serves as many requests a second, and costs 20 KiB more for each waiting client.
  const listener = getRequestListener(answer, { errorHandler: answerBroken, overrideGlobalObjects: false });
  const take = receiver({ listener, early, limits });
  const server = createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.headerBytes,
      // The interval at which the two timeouts are checked.
      connectionsCheckingInterval: limits.checkMs,
      // Otherwise Node answers a request without a Host itself, for any number of such requests in one packet. headProblem refuses them.
      requireHostHeader: false,
      IncomingMessage: Incoming,
      highWaterMark: limits.bufferBytes,
    },
    (incoming, outgoing) => take(incoming, outgoing),
  );
  server.maxHeadersCount = limits.headersCount;
  // Without these two, Node answers an `Expect` itself, ahead of earlier requests and in any number.
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
 * Node ends HTTP on a connection at a CONNECT, unlike at any other method. Without a tunnel handler it destroys the socket, and the pending
 * responses with it. Here CONNECT is a request like any other, and is refused in its turn.
 */
class Incoming extends IncomingMessage {
  get upgrade(): boolean {
    return false;
  }

  set upgrade(_isTunnel: unknown) {}
}

/** Passes each request on in its turn. */
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
      // No timeout before there is a response, even when the previous response on this connection had one.
      outgoing.setTimeout(0);
      const problem = headProblem(incoming);
      if (problem !== null) return refused(problem, incoming, outgoing);
      if (expectsContinue) outgoing.writeContinue();
      // No endpoint reads the body of these, and some wait long before they respond.
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
  // A response that began before the shutdown did not announce that the connection closes.
  const sweep = setInterval(() => server.closeIdleConnections(), limits.drainCheckMs);
  const late = setTimeout(() => server.closeAllConnections(), httpLimits.drainMs);
  await closed;
  clearTimeout(late);
  clearInterval(sweep);
}

/** The end of such a request's body is not certain, so the connection is closed. */
function refuse({ detail, status }: HeadProblem, outgoing: ServerResponse): void {
  const error = new PointsmanError('malformed', detail, { details: { status } });
  const { headers, body } = problemParts(error, { requestId: randomUUID(), instance: '/' });
  outgoing.writeHead(status, { ...headers, connection: 'close' }).end(body);
}

/** Requests the router never saw, such as one with an invalid Host header, and errors thrown outside it. */
function answerBroken(error: unknown): Response {
  const known =
    error instanceof RequestError
      ? new PointsmanError('malformed', 'The URL or the Host header is invalid.', { cause: error })
      : error;
  return problemResponse(known, { requestId: randomUUID(), instance: '/' });
}

/**
 * Bytes that are not valid HTTP have no request that a problem could belong to, but get one if possible. If a response to an earlier
 * request is pending or has begun, the bytes would be taken for a part of it: then the connection only closes.
 */
function answerUnreadable(
  error: NodeJS.ErrnoException,
  socket: Socket,
  { responseSilenceMs }: Pick<SocketLimits, 'responseSilenceMs'>,
): void {
  // After a request with "Connection: close" further data is ignored; the request still gets its response.
  if (error.code === 'HPE_CLOSED_CONNECTION') return;
  if (error.code === 'ECONNRESET' || !socket.writable || owesResponse(socket)) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF[error.code ?? ''] ?? '400 Bad Request';
  const body = JSON.stringify({
    type: 'urn:pointsman:problem:malformed',
    title: ERRORS.malformed.title,
    status: Number.parseInt(status, 10),
    detail: 'The request is not valid HTTP, or it arrived too slowly.',
    code: 'malformed',
  });
  // The client may neither read nor close.
  socket.setTimeout(responseSilenceMs);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const STATUS_OF: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
