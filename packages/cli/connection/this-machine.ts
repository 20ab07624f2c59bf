import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

/**
 * Returns whether the host of a URL is an IP address of this machine: a loopback address, the unspecified
 * address, or the address of a network interface. Returns false for a host name, because DNS could resolve it
 * to any address.
 */
export function isThisMachine(hostname: string): boolean {
  const text = hostname.replaceAll(/^\[|\]$/g, '');
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (['loopback', 'unspecified'].includes(address.range())) return true;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.some((one) => ipaddr.isValid(one.address) && same(ipaddr.process(one.address), address));
}

function same(one: ipaddr.IPv4 | ipaddr.IPv6, other: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return one.toNormalizedString() === other.toNormalizedString();
}
