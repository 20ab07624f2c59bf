import type { Server } from 'node:http';

import { type AddressRange, isInRanges, parseAddressRange } from '../../outbound/address-ranges.ts';
import { networkOf, sourceOf } from './connection.ts';
import { connectionLevels } from '../access/share-limits.ts';
import { Shares } from '../access/shares.ts';

/**
 * The usual addresses of load balancers and proxies: this machine and private networks (RFC 1918, RFC 6598, RFC 4193, link-local
 * addresses). By default they are exempt from the limit per address. Otherwise the clients' connections behind a load balancer would
 * together exceed that limit.
 */
const PRIVATE: readonly AddressRange[] = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
].flatMap((range) => parseAddressRange(range) ?? []);

/**
 * Limits the number of open connections per remote network, and per address within a network. A connection over the limit is closed before
 * anything is read from it. Connections from a proxy count only towards the total limit, because a proxy has many clients.
 */
export function shareConnections(
  server: Server,
  { capacity, proxies = PRIVATE }: { capacity: number; proxies?: readonly AddressRange[] | undefined },
): void {
  const shares = new Shares({ capacity, levels: connectionLevels });
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? 'gone';
    const holding = isInRanges(address, proxies)
      ? shares.openWhole()
      : shares.open([networkOf(address), sourceOf(address)]);
    try {
      holding.take(1);
    } catch {
      socket.destroy();
      return;
    }
    socket.once('close', () => holding.release());
  });
}
