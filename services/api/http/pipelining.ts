import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { SocketLimits } from '../limits.ts';

/** A request whose response has not been completely sent yet. */
interface Owed {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly headBytes: number;
  readonly handle: () => void;
}

/** The requests of one connection whose responses have not been completely sent yet. */
interface Line {
  /** The requests in the order of arrival. The first is being handled, and the others wait. */
  readonly owed: Owed[];
  /** Whether the connection closes after the response to the last request in `owed`. */
  isClosing: boolean;
  /** The number of discarded requests, which arrived after the last request in `owed`, and the total size of their heads in bytes. */
  past: number;
  pastHeadBytes: number;
}

type PipeliningLimits = Pick<SocketLimits, 'pipelined' | 'pipelinedPast' | 'pipelinedHeadBytes'>;

const lines = new WeakMap<Socket, Line>();

/**
 * Handles the requests of a connection one at a time. Each request is handled after the previous response has been sent, so a connection
 * has at most one response in memory. A client may send several requests without waiting for responses (pipelining, RFC 9112, section
 * 9.3.2). Node emits all requests of a packet, up to 2,000, before any response is sent.
 *
 * The number of waiting requests is limited. The response to the last of them has `Connection: close`, which tells the client to repeat the
 * later requests. If the client continues to send requests, the connection is destroyed.
 *
 * A request with a body does not wait, because Node would keep up to 64 KiB of each such body in memory. It is discarded, and the response
 * to the request before it closes the connection.
 *
 * No request is handled after a response that closes the connection (RFC 9112, section 9.6). The client gets no response to such a request
 * and may repeat it. After a request with an ambiguous head, the apparent next request may even be part of that request's body.
 */
export function inTurn(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  limits: PipeliningLimits,
  handle: () => void,
): void {
  const { socket } = incoming;
  const line = lines.get(socket) ?? { owed: [], isClosing: false, past: 0, pastHeadBytes: 0 };
  lines.set(socket, line);
  const own: Owed = { incoming, outgoing, headBytes: headBytesOf(incoming), handle };
  if (line.isClosing || !socket.writable || !mayBeOwed(own, line, limits)) {
    discard(own, line, limits);
    return;
  }
  line.owed.push(own);
  outgoing.once('close', () => {
    line.owed.splice(line.owed.indexOf(own), 1);
    // If the socket is not writable, the response has closed the connection. Do not destroy the socket, because the last bytes may not have
    // been transmitted yet.
    if (!socket.writable) return;
    const [next] = line.owed;
    if (next !== undefined) next.handle();
    // The decision to close the connection was made after the headers of this response had been sent without `Connection: close`. Close the
    // connection here.
    else if (line.isClosing) socket.destroySoon();
  });
  // After an Upgrade or a CONNECT, Node does not emit the further requests of the same packet. They would get no response, so the
  // connection must close.
  if (
    line.owed.length >= limits.pipelined ||
    incoming.headers.upgrade !== undefined ||
    incoming.method === 'CONNECT'
  )
    closeAfter(own, line);
  if (line.owed.length === 1) handle();
}

/** Whether the request may wait for its turn. A request with a body may not wait, and the total size of the waiting heads is limited. */
function mayBeOwed(
  { incoming, headBytes }: Owed,
  { owed }: Line,
  { pipelinedHeadBytes }: PipeliningLimits,
): boolean {
  if (owed.length === 0) return true;
  const waiting = owed.slice(1).reduce((sum, other) => sum + other.headBytes, headBytes);
  return waiting <= pipelinedHeadBytes && !hasBody(incoming);
}

function closeAfter(last: Owed | undefined, line: Line): void {
  line.isClosing = true;
  if (last !== undefined) last.outgoing.shouldKeepAlive = false;
}

/** Discards a request without a response. Its body is read but not kept. */
function discard({ incoming, headBytes }: Owed, line: Line, limits: PipeliningLimits): void {
  closeAfter(line.owed.at(-1), line);
  line.past++;
  line.pastHeadBytes += headBytes;
  if (line.past > limits.pipelinedPast || line.pastHeadBytes > limits.pipelinedHeadBytes)
    incoming.socket.destroy();
  else incoming.resume();
}

/** Estimates the number of bytes in memory that Node uses for the head of a request until the response has been sent. */
function headBytesOf({ url = '', rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((sum, text) => sum + text.length + STRING_BYTES, url.length);
}

/** The memory overhead of one string, including the reference to it, in bytes. */
const STRING_BYTES = 32;

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Whether a response to a complete request is still pending. If so, the server must not send an error for later bytes that are invalid. The
 * client would take the error for the pending response.
 *
 * Returns false if only the response to an incomplete request is pending, because that request itself contains the invalid bytes.
 */
export function owesResponse(socket: Socket): boolean {
  const [first, ...others] = lines.get(socket)?.owed ?? [];
  if (first === undefined) return false;
  return others.length > 0 || first.incoming.complete || first.outgoing.headersSent;
}
