import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import ipaddr from 'ipaddr.js';

/** The properties of a request's connection that the API uses. */
export interface Connection {
  /** The address of the client, or of its proxy. All IPv6 addresses of one /64 network have the same value. */
  readonly source: string;
  /** Registers a callback that runs once: when the kernel has accepted the whole response, or when the connection is closed. */
  readonly onceSent: (end: () => void) => void;
  /**
   * Aborts when the `onceSent` callbacks run. The signal of the web `Request` is not sufficient: it does not abort for a pipelined request
   * whose response has not begun.
   */
  readonly signal: AbortSignal;
  /**
   * The number of response bytes that were written to the connection but not yet accepted by the kernel. A write that is in progress in
   * this turn of the event loop counts in full.
   */
  readonly unsent: () => number;
}

/** The placeholder for the connection of a request that did not arrive over a socket. */
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
 * Identifies the sender of a connection by its address. An IPv6 address is reduced to its /64 network. An IPv6 subscriber usually controls
 * a whole /64 network, and could otherwise appear as any number of senders.
 */
export function sourceOf(address: string): string {
  const parsed = parsedAddress(address);
  if (parsed === null) return address;
  return parsed.kind() === 'ipv4' ? parsed.toString() : ipv6Network(parsed, 64);
}

/**
 * Returns the network of an address: an IPv4 /24 or an IPv6 /48. One subscriber can typically control all addresses of such a network.
 * Returns the text unchanged if it is not an address.
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

/** The callbacks to run when a socket closes. They are needed because Node emits no event for a pipelined response that never began. */
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
