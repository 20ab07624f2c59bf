import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { SocketLimits } from '../limits.ts';

/** A request whose response has not been sent yet. */
interface Owed {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly headBytes: number;
  readonly handle: () => void;
}

/** The requests of one connection that have no complete response yet. */
interface Line {
  /** The requests in the order of arrival. The first is being handled, the others wait. */
  readonly owed: Owed[];
  /** Whether the connection closes after the response to the last request in `owed`. */
  isClosing: boolean;
  /** The number of requests that arrived after that last one, and the size of their heads. */
  past: number;
  pastHeadBytes: number;
}

type PipeliningLimits = Pick<SocketLimits, 'pipelined' | 'pipelinedPast' | 'pipelinedHeadBytes'>;

const lines = new WeakMap<Socket, Line>();

/**
 * Handles the requests of a connection one after the other, each after the previous response was sent. A connection
 * therefore holds one response at a time. A client may send requests without waiting for responses (pipelining, RFC
 * 9112, section 9.3.2), and Node emits all requests of a packet, up to 2,000, before any response is sent. The response
 * to the last request that may wait has `Connection: close`, which tells the client which requests to repeat. A
 * connection that keeps sending requests is destroyed.
 *
 * A request with a body does not wait behind another, because Node would keep up to 64 KiB of each such body in memory.
 * It is discarded, and the response to the request before it closes the connection.
 *
 * No request is handled after a response that closes the connection (RFC 9112, section 9.6). The client gets no
 * response to such a request and may repeat it. After an ambiguous head, the apparent request may even be a part of
 * another request's body.
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
    // If the socket is not writable, the response has closed the connection, and its last bytes may still be in
    // transit.
    if (!socket.writable) return;
    const [next] = line.owed;
    if (next !== undefined) next.handle();
    // This response became the last one only after its headers were sent, so they did not contain `Connection: close`.
    else if (line.isClosing) socket.destroySoon();
  });
  // Node does not emit requests that follow an Upgrade or a CONNECT in the same packet, so they would get no response.
  if (
    line.owed.length >= limits.pipelined ||
    incoming.headers.upgrade !== undefined ||
    incoming.method === 'CONNECT'
  )
    closeAfter(own, line);
  if (line.owed.length === 1) handle();
}

/**
 * Whether the request may wait for its turn. A waiting request has no body, and the total size of the waiting heads is
 * bounded.
 */
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

/** Drops a request. Its body is read and discarded. */
function discard({ incoming, headBytes }: Owed, line: Line, limits: PipeliningLimits): void {
  closeAfter(line.owed.at(-1), line);
  line.past++;
  line.pastHeadBytes += headBytes;
  if (line.past > limits.pipelinedPast || line.pastHeadBytes > limits.pipelinedHeadBytes)
    incoming.socket.destroy();
  else incoming.resume();
}

/** An estimate of the memory that Node uses for a request's head until the response was sent, in bytes. */
function headBytesOf({ url = '', rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((sum, text) => sum + text.length + STRING_BYTES, url.length);
}

/** The memory overhead of a string, including the reference to it, in bytes. */
const STRING_BYTES = 32;

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Whether a response to a complete request is still pending. If so, an error response to unparsable bytes must not be
 * sent, because the client would mistake it for the pending response. If not, at most the response to the incomplete
 * request that caused the error is pending.
 */
export function owesResponse(socket: Socket): boolean {
  const [first, ...others] = lines.get(socket)?.owed ?? [];
  if (first === undefined) return false;
  return others.length > 0 || first.incoming.complete || first.outgoing.headersSent;
}
