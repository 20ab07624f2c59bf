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
import { headProblem, type HeadProblem } from './request-head.ts';

/** The socket of the API. */
export interface ApiServer {
  readonly url: string;
  /** Takes no more connections, lets what is under way end within {@link httpLimits.drainMs}, and then ends it. */
  stop(): Promise<void>;
}

/**
 * What a request is answered with before anything is made of it: null for one that is none of its business; else whether it was answered,
 * and otherwise it goes on as if nobody had looked. Never rejects.
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
    /** Addresses of which each stands for many clients, and has no share of the connections. Left out: the private ones. */
    proxies?: readonly AddressRange[] | undefined;
  },
): Promise<ApiServer> {
  const answer = async (
    request: Request,
    { incoming, outgoing }: HttpBindings | Http2Bindings,
  ): Promise<Response> => {
    if (!(incoming instanceof IncomingMessage && outgoing instanceof ServerResponse))
      throw new TypeError('this server speaks HTTP/1.1');
    const response = await fetch(request, connectionOf(incoming, outgoing));
    // A body that nothing has read would be held until the response was taken.
    if (!incoming.readableDidRead) incoming.resume();
    // Each byte that the reader takes starts the time again, so this ends the connections of readers that take nothing.
    const isStream = response.headers.get('content-type') === 'text/event-stream';
    outgoing.setTimeout(isStream ? limits.streamSilenceMs : limits.responseSilenceMs);
    return response;
  };
  // Node's own Response: the library's lighter one answers as many requests a second, and each client that waits costs 20 KiB more with it.
  const listener = getRequestListener(answer, { errorHandler: answerBroken, overrideGlobalObjects: false });
  const take = receiver({ listener, early, limits });
  const server = createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.headerBytes,
      // How often the two timeouts are looked at.
      connectionsCheckingInterval: limits.checkMs,
      // Otherwise Node answers a request without a Host itself, however many such requests one packet holds. headProblem refuses them.
      requireHostHeader: false,
      IncomingMessage: Incoming,
      highWaterMark: limits.bufferBytes,
    },
    (incoming, outgoing) => take(incoming, outgoing),
  );
  server.maxHeadersCount = limits.headersCount;
  // Without these two, Node answers an `Expect` itself, ahead of the requests before it and however many there are.
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
 * For Node a CONNECT, unlike any other method, ends the HTTP of its connection: without a tunnel to hand it to, Node destroys the socket, and
 * with it the responses that are owed. Here it is a request like others, refused in its turn.
 */
class Incoming extends IncomingMessage {
  get upgrade(): boolean {
    return false;
  }

  set upgrade(_isTunnel: unknown) {}
}

/** Takes each request in its turn. */
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
  const refused = (problem: HeadProblem, incoming: IncomingMessage, outgoing: ServerResponse): void => {
    bound(outgoing);
    incoming.resume();
    refuse(problem, outgoing);
  };
  return (incoming: IncomingMessage, outgoing: ServerResponse, { expectsContinue = false } = {}): void =>
    inTurn(incoming, outgoing, limits, () => {
      // Until there is a response nothing bounds the silence, also when the one before it on this connection had a bound.
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
  // A connection whose answer began before does not know that it was the last one.
  const sweep = setInterval(() => server.closeIdleConnections(), limits.drainCheckMs);
  const late = setTimeout(() => server.closeAllConnections(), httpLimits.drainMs);
  await closed;
  clearTimeout(late);
  clearInterval(sweep);
}

/** Where the body of such a request ends is not certain, so the connection is closed. */
function refuse({ detail, status }: HeadProblem, outgoing: ServerResponse): void {
  const error = new PointsmanError('malformed', detail, { details: { status } });
  const { headers, body } = problemParts(error, { requestId: randomUUID(), instance: '/' });
  outgoing.writeHead(status, { ...headers, connection: 'close' }).end(body);
}

/** Requests the router never saw, such as one with an invalid Host header, and errors thrown outside of it. */
function answerBroken(error: unknown): Response {
  const known =
    error instanceof RequestError
      ? new PointsmanError('malformed', 'The address or the Host header can not be read.', { cause: error })
      : error;
  return problemResponse(known, { requestId: randomUUID(), instance: '/' });
}

/**
 * What does not even parse as HTTP has no request that a problem could belong to; it still gets one, as far as that goes. Where a response
 * to an earlier request is owed or has begun, those bytes would be taken for it or for a part of it: then the connection only ends.
 */
function answerUnreadable(
  error: NodeJS.ErrnoException,
  socket: Socket,
  { responseSilenceMs }: Pick<SocketLimits, 'responseSilenceMs'>,
): void {
  // After a request with "Connection: close", which gets its response: what follows is passed over.
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
    detail: 'This is not HTTP as we read it, or it came too slowly.',
    code: 'malformed',
  });
  // The other side may neither read it nor close.
  socket.setTimeout(responseSilenceMs);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const STATUS_OF: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
