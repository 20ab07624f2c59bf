import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import ipaddr from 'ipaddr.js';

/** The parts of a request's connection that the API needs. */
export interface Connection {
  /** The address of the sender or of its proxy. All addresses of one IPv6 subscriber have the same name. */
  readonly source: string;
  /**
   * Registers a callback that runs once, when the kernel has accepted the whole response or the connection is closed.
   */
  readonly onceSent: (end: () => void) => void;
  /**
   * Aborts when the `onceSent` callbacks run. A web request's own signal does not abort if a pipelined response has not
   * begun.
   */
  readonly signal: AbortSignal;
  /**
   * The number of written response bytes that the kernel has not accepted yet. A write that is in progress in this turn
   * of the event loop counts in full.
   */
  readonly unsent: () => number;
}

/** The connection of a request that did not arrive over a socket. */
export const NO_CONNECTION: Connection = {
  source: 'none',
  onceSent: () => {},
  signal: new AbortController().signal,
  unsent: () => 0,
};

export function connectionOf(incoming: IncomingMessage, outgoing: ServerResponse): Connection {
  const { socket } = incoming;
  let sent: AbortController | null = null;
  return {
    get source() {
      return sourceOf(socket.remoteAddress ?? 'gone');
    },
    onceSent: (end) => onceSent(outgoing, socket, end),
    get signal() {
      if (sent !== null) return sent.signal;
      const controller = new AbortController();
      sent = controller;
      onceSent(outgoing, socket, () => controller.abort());
      return controller.signal;
    },
    unsent: () => outgoing.writableLength,
  };
}

/**
 * Identifies the sender of a connection. An IPv6 address is reduced to its /64, because a subscriber has at least that
 * many addresses and could otherwise appear as any number of senders.
 */
export function sourceOf(address: string): string {
  const parsed = parsedAddress(address);
  if (parsed === null) return address;
  return parsed.kind() === 'ipv4' ? parsed.toString() : ipv6Network(parsed, 64);
}

/**
 * The network of an address: an IPv4 /24 or an IPv6 /48, typically the smallest block of many addresses that one
 * subscriber can have on the Internet. If the text is not an address, returns it unchanged.
 */
export function networkOf(address: string): string {
  const parsed = parsedAddress(address);
  if (parsed === null) return address;
  if (parsed.kind() !== 'ipv4') return ipv6Network(parsed, 48);
  return `${parsed.toString().split('.').slice(0, 3).join('.')}.0/24`;
}

function parsedAddress(address: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return ipaddr.isValid(address) ? ipaddr.process(address) : null;
}

function ipv6Network(address: ipaddr.IPv4 | ipaddr.IPv6, prefix: 48 | 64): string {
  return `${address
    .toNormalizedString()
    .split(':')
    .slice(0, prefix / 16)
    .join(':')}::/${prefix}`;
}

/**
 * The callbacks to run when a socket closes. They are needed because a pipelined response that never began emits no
 * event.
 */
const endsBySocket = new WeakMap<Socket, Set<() => void>>();

function onceSent(outgoing: ServerResponse, socket: Socket, end: () => void): void {
  if (outgoing.closed || socket.destroyed) {
    end();
    return;
  }
  const ends = endsOf(socket);
  const endOnce = (): void => {
    if (ends.delete(endOnce)) end();
  };
  ends.add(endOnce);
  outgoing.once('close', endOnce);
}

function endsOf(socket: Socket): Set<() => void> {
  const known = endsBySocket.get(socket);
  if (known !== undefined) return known;
  const ends = new Set<() => void>();
  endsBySocket.set(socket, ends);
  socket.once('close', () => {
    for (const end of ends) end();
  });
  return ends;
}
