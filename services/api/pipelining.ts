import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { SocketLimits } from './limits.ts';

/** Of one connection. */
interface Line {
  /** Requests whose responses are not sent yet: one that is handled, and those that wait. */
  unsent: number;
  /** The response to the last of them closes the connection. */
  isClosing: boolean;
  readonly waiting: (() => void)[];
}

const lines = new WeakMap<Socket, Line>();

/**
 * Handles the requests of a connection one after the other, each when the response before it has been sent, so that a connection holds
 * one response. A client may send requests without reading responses (pipelining, RFC 9112, section 9.3.2), and Node hands over all that
 * one packet holds, some 2,000, before anything is sent. The response to the last request that may wait says `Connection: close`, so that
 * the client knows which ones it has to send again. A connection that goes on all the same is ended.
 */
export function inTurn(
  { socket }: IncomingMessage,
  outgoing: ServerResponse,
  { pipelined, pipelinedPast }: Pick<SocketLimits, 'pipelined' | 'pipelinedPast'>,
  handle: () => void,
): void {
  const line = lines.get(socket) ?? { unsent: 0, isClosing: false, waiting: [] };
  lines.set(socket, line);
  line.unsent++;
  if (line.isClosing) {
    if (line.unsent > pipelined + pipelinedPast) socket.destroy();
    return;
  }
  outgoing.once('close', () => {
    line.unsent--;
    const next = line.waiting.shift();
    if (!socket.destroyed) next?.();
  });
  if (line.unsent >= pipelined) {
    line.isClosing = true;
    outgoing.shouldKeepAlive = false;
  }
  if (line.unsent === 1) handle();
  else line.waiting.push(handle);
}
