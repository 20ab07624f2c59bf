import { getRequestListener, type Http2Bindings, type HttpBindings, RequestError } from '@hono/node-server';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { ERRORS, PointsmanError } from '../../../core/errors.ts';
import { httpLimits } from '../../../core/limits/limits.ts';
import type { AddressRange } from '../../outbound/address-ranges.ts';
import { shareConnections } from './connection-shares.ts';
import { type Connection, connectionOf } from './connection.ts';
import { socketLimits, type SocketLimits } from '../limits.ts';
import { inTurn, owesResponse } from './pipelining.ts';
import { problemParts, problemResponse } from '../responses/problem.ts';
import { headProblem } from './request-head.ts';

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
export type EarlyAnswer = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<boolean> | null;

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
    early?: EarlyAnswer;
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
    },
    (incoming, outgoing) => take(incoming, outgoing),
  );
  // Without these two, Node answers an `Expect` itself, ahead of earlier requests and in any number.
  server.on('checkContinue', (incoming, outgoing) => take(incoming, outgoing, 'continue'));
  server.on('checkExpectation', (incoming, outgoing) => take(incoming, outgoing, 'unknown'));
  server.maxConnections = limits.connections;
  shareConnections(server, { capacity: limits.connections, proxies });
  server.on('clientError', (error, socket: Socket) => answerUnreadable(error, socket, limits));
  server.listen({ host, port, backlog: limits.backlog });
  await once(server, 'listening');
  return { url: addressOf(server), stop: () => stop(server, limits) };
}

/** Passes each request on in its turn. `expects` is what its `Expect` header asks for, if present. */
function receiver({
  listener,
  early,
  limits,
}: {
  listener: (incoming: IncomingMessage, outgoing: ServerResponse) => unknown;
  early: EarlyAnswer;
  limits: SocketLimits;
}) {
  const bound = (outgoing: ServerResponse): unknown => outgoing.setTimeout(limits.responseSilenceMs);
  const refused = (refusal: Refusal, outgoing: ServerResponse): void => {
    bound(outgoing);
    refuse(refusal, outgoing);
  };
  return (incoming: IncomingMessage, outgoing: ServerResponse, expects?: 'continue' | 'unknown'): void =>
    inTurn(incoming, outgoing, limits, () => {
      // No timeout before there is a response, even when the previous response on this connection had one.
      outgoing.setTimeout(0);
      const problem = headProblem(incoming);
      if (problem !== null) return refused({ detail: problem }, outgoing);
      if (expects === 'unknown') return refused(UNKNOWN_EXPECTATION, outgoing);
      if (expects === 'continue') outgoing.writeContinue();
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

/** Why a request is refused before it is parsed further. */
interface Refusal {
  readonly detail: string;
  /** Default: 400. */
  readonly status?: number;
}

const UNKNOWN_EXPECTATION: Refusal = {
  detail: 'The Expect header must be "100-continue", or be left out.',
  status: 417,
};

/** Refuses a head that is ambiguous or has an unsupported `Expect`. The end of its body is not certain, so the connection is closed. */
function refuse({ detail, status }: Refusal, outgoing: ServerResponse): void {
  const error = new PointsmanError('malformed', detail, { details: status === undefined ? {} : { status } });
  const parts = problemParts(error, { requestId: randomUUID(), instance: '/' });
  outgoing.writeHead(status ?? parts.status, { ...parts.headers, connection: 'close' }).end(parts.body);
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
