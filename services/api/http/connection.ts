import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import ipaddr from 'ipaddr.js';

/** The connection of a request, as far as the API needs it. */
export interface Connection {
  /** The sender's address, or the proxy's. One name for all addresses of an IPv6 subscriber. */
  readonly source: string;
  /** Calls back once, when the response was handed to the kernel or the connection is gone. */
  readonly onceSent: (end: () => void) => void;
  /** Aborts at the same moment. The signal of a web request does not when a pipelined response has not begun. */
  readonly signal: AbortSignal;
  /** Bytes of the response that were written, and that the kernel has not taken. Of a write that is under way in this turn, all of it. */
  readonly unsent: () => number;
}

/** For a request that did not come over a socket. */
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

/** An IPv6 subscriber has at least a /64, and could otherwise use any number of addresses. */
export function sourceOf(address: string): string {
  const parsed = parsedAddress(address);
  if (parsed === null) return address;
  return parsed.kind() === 'ipv4' ? parsed.toString() : ipv6Network(parsed, 64);
}

/**
 * The smallest network with many addresses that one subscriber can have on the Internet: an IPv4 /24, an IPv6 /48. The text itself if it is
 * not an address.
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

/** Callbacks for when a socket closes. A pipelined response that never began emits no event. */
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
