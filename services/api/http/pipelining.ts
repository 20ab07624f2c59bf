import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { SocketLimits } from '../limits.ts';

/** A request whose response is not sent yet. */
interface Owed {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly headBytes: number;
  readonly handle: () => void;
}

/** Of one connection. */
interface Line {
  /** In their order: the first is handled, the others wait. */
  readonly owed: Owed[];
  /** The response to the last of them closes the connection. */
  isClosing: boolean;
  /** Requests that came after that, and the bytes of their heads. */
  past: number;
  pastHeadBytes: number;
}

type PipeliningLimits = Pick<SocketLimits, 'pipelined' | 'pipelinedPast' | 'pipelinedHeadBytes'>;

const lines = new WeakMap<Socket, Line>();

/**
 * Handles the requests of a connection one after the other, each when the response before it has been sent, so that a connection holds
 * one response. A client may send requests without reading responses (pipelining, RFC 9112, section 9.3.2), and Node hands over all that
 * one packet holds, some 2,000, before anything is sent. The response to the last request that may wait says `Connection: close`, so that
 * the client knows which ones it has to send again. A connection that goes on all the same is ended.
 *
 * A request with a body does not wait behind another: Node would keep up to 64 KiB of each such body in memory. Such a request is discarded,
 * and the response before it closes the connection.
 *
 * No request is handled after a response that closes the connection (RFC 9112, section 9.6): its client gets no response to it and may send
 * it again, and after a head that can be read in two ways it may be a part of another request's body.
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
    // Not writable: the response has closed the connection, whose last bytes may still be on their way.
    if (!socket.writable) return;
    const [next] = line.owed;
    if (next !== undefined) next.handle();
    // The headers of the last response were sent before it became the last one, and did not close the connection.
    else if (line.isClosing) socket.destroySoon();
  });
  // Node hands over nothing that follows an Upgrade or a CONNECT in its packet: such requests would get no response.
  if (
    line.owed.length >= limits.pipelined ||
    incoming.headers.upgrade !== undefined ||
    incoming.method === 'CONNECT'
  )
    closeAfter(own, line);
  if (line.owed.length === 1) handle();
}

/** The first is handled at once. What waits behind it must be small. */
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

/** For a request that is not handled. Its body is read and not kept. */
function discard({ incoming, headBytes }: Owed, line: Line, limits: PipeliningLimits): void {
  closeAfter(line.owed.at(-1), line);
  line.past++;
  line.pastHeadBytes += headBytes;
  if (line.past > limits.pipelinedPast || line.pastHeadBytes > limits.pipelinedHeadBytes)
    incoming.socket.destroy();
  else incoming.resume();
}

/** What Node keeps of a head until the response was sent. */
function headBytesOf({ url = '', rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((sum, text) => sum + text.length + STRING_BYTES, url.length);
}

/** Of a string in memory besides its text, and of what refers to it. */
const STRING_BYTES = 32;

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Whether the connection owes a response that an error of its bytes is no response to. Otherwise it owes none, or that to a request which
 * has not come completely: then the error is about this one.
 */
export function owesResponse(socket: Socket): boolean {
  const [first, ...others] = lines.get(socket)?.owed ?? [];
  if (first === undefined) return false;
  return others.length > 0 || first.incoming.complete || first.outgoing.headersSent;
}
