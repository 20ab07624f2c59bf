import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { SocketLimits } from '../limits.ts';

/** A request whose response is not sent yet. */
interface Owed {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly handle: () => void;
}

/** Of one connection. */
interface Line {
  /** In their order: the first is handled, the others wait. */
  readonly owed: Owed[];
  /** The response to the last of them closes the connection. */
  isClosing: boolean;
  /** Requests that came after that. */
  past: number;
}

const lines = new WeakMap<Socket, Line>();

/**
 * Handles the requests of a connection one after the other, each when the response before it has been sent, so that a connection holds
 * one response. A client may send requests without reading responses (pipelining, RFC 9112, section 9.3.2), and Node hands over all that
 * one packet holds, some 2,000, before anything is sent. The response to the last request that may wait says `Connection: close`, so that
 * the client knows which ones it has to send again. A connection that goes on all the same is ended.
 *
 * No request is handled after a response that closes the connection (RFC 9112, section 9.6): its client gets no response to it and may send
 * it again, and after a head that can be read in two ways it may be a part of another request's body.
 */
export function inTurn(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { pipelined, pipelinedPast }: Pick<SocketLimits, 'pipelined' | 'pipelinedPast'>,
  handle: () => void,
): void {
  const { socket } = incoming;
  const line = lines.get(socket) ?? { owed: [], isClosing: false, past: 0 };
  lines.set(socket, line);
  if (line.isClosing || !socket.writable) {
    if (++line.past > pipelinedPast) socket.destroy();
    return;
  }
  const own: Owed = { incoming, outgoing, handle };
  line.owed.push(own);
  outgoing.once('close', () => {
    line.owed.splice(line.owed.indexOf(own), 1);
    // Not writable: the response has closed the connection, whose last bytes may still be on their way.
    if (socket.writable) line.owed[0]?.handle();
  });
  // Node hands over nothing that follows an Upgrade in its packet: such requests would get no response.
  if (line.owed.length >= pipelined || incoming.headers.upgrade !== undefined) {
    line.isClosing = true;
    outgoing.shouldKeepAlive = false;
  }
  if (line.owed.length === 1) handle();
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
