import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { SocketLimits } from '../limits.ts';

/** A request whose response is not yet sent. */
interface Owed {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly headBytes: number;
  readonly handle: () => void;
}

/** The requests of one connection. */
interface Line {
  /** In the order of arrival: the first is being handled, the others wait. */
  readonly owed: Owed[];
  /** The response to the last of them closes the connection. */
  isClosing: boolean;
  /** How many requests came after that, and the bytes of their heads. */
  past: number;
  pastHeadBytes: number;
}

type PipeliningLimits = Pick<SocketLimits, 'pipelined' | 'pipelinedPast' | 'pipelinedHeadBytes'>;

const lines = new WeakMap<Socket, Line>();

/**
 * Handles the requests of a connection one after the other, each when the response before it has been sent. So a connection holds one
 * response. A client may send requests without waiting for responses (pipelining, RFC 9112, section 9.3.2), and Node emits all requests of one
 * packet, up to 2,000, before anything is sent. The response to the last request that may wait has `Connection: close`, which tells the
 * client which requests to send again. A connection that continues to send requests is destroyed.
 *
 * A request with a body does not wait behind another: Node would keep up to 64 KiB of each such body in memory. Such a request is discarded,
 * and the response before it closes the connection.
 *
 * No request is handled after a response that closes the connection (RFC 9112, section 9.6). Its client gets no response to it and may send
 * it again. After an ambiguous head, such a request may even be a part of another request's body.
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
    // Not writable: the response has closed the connection, and its last bytes may still be in transit.
    if (!socket.writable) return;
    const [next] = line.owed;
    if (next !== undefined) next.handle();
    // The headers of the last response were sent before it became the last one, without `Connection: close`.
    else if (line.isClosing) socket.destroySoon();
  });
  // Node does not emit requests that follow an Upgrade or a CONNECT in the same packet. They would get no response.
  if (
    line.owed.length >= limits.pipelined ||
    incoming.headers.upgrade !== undefined ||
    incoming.method === 'CONNECT'
  )
    closeAfter(own, line);
  if (line.owed.length === 1) handle();
}

/** Whether the request may wait for its turn. Waiting requests have no body, and bounded heads. */
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

/** Drops a request. Its body is read and not kept. */
function discard({ incoming, headBytes }: Owed, line: Line, limits: PipeliningLimits): void {
  closeAfter(line.owed.at(-1), line);
  line.past++;
  line.pastHeadBytes += headBytes;
  if (line.past > limits.pipelinedPast || line.pastHeadBytes > limits.pipelinedHeadBytes)
    incoming.socket.destroy();
  else incoming.resume();
}

/** The memory that Node uses for a head until the response was sent. */
function headBytesOf({ url = '', rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((sum, text) => sum + text.length + STRING_BYTES, url.length);
}

/** Memory of a string in addition to its characters, including the reference to it. */
const STRING_BYTES = 32;

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Whether the connection owes a response to a complete request, so that a parse error must not be sent instead of it. Otherwise it owes no
 * response, or only the response to the incomplete request that the error is about.
 */
export function owesResponse(socket: Socket): boolean {
  const [first, ...others] = lines.get(socket)?.owed ?? [];
  if (first === undefined) return false;
  return others.length > 0 || first.incoming.complete || first.outgoing.headersSent;
}
