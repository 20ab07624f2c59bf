import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A block of IP addresses such as `10.0.0.0/8` or `fd00::/8`. */
export interface AddressRange {
  readonly first: Address;
  readonly prefixBits: number;
}

/**
 * Parses a block of addresses in CIDR notation. Returns null for any other text. The parser is strict, because a
 * mistake can make a private network reachable. It refuses octal and shortened addresses, zones, and blocks whose
 * address has bits set after the prefix. A block of IPv4-mapped addresses becomes a block of IPv4 addresses, because
 * connections use the IPv4 addresses.
 */
export function parseAddressRange(text: string): AddressRange | null {
  const [address = '', bits = '', ...more] = text.split('/');
  if (
    more.length > 0 ||
    isIP(address) === 0 ||
    address.includes('%') ||
    !/^(?:0|[1-9][0-9]{0,2})$/.test(bits)
  )
    return null;
  const first = ipaddr.parse(address);
  const prefixBits = Number(bits);
  if (prefixBits > first.toByteArray().length * 8 || hasBitsAfter(first, prefixBits)) return null;
  return first instanceof ipaddr.IPv6 && first.isIPv4MappedAddress() && prefixBits >= MAPPED_BITS
    ? { first: first.toIPv4Address(), prefixBits: prefixBits - MAPPED_BITS }
    : { first, prefixBits };
}

/** The number of bits before the IPv4 address in an IPv4-mapped address (`::ffff:0:0/96`). */
const MAPPED_BITS = 96;

function hasBitsAfter(address: Address, prefixBits: number): boolean {
  const bits = address.toByteArray().map((byte) => byte.toString(2).padStart(8, '0'));
  return bits.join('').slice(prefixBits).includes('1');
}

/** Whether the address is in one of the ranges. An IPv4-mapped address is compared as an IPv4 address. */
export function isInRanges(address: string, ranges: readonly AddressRange[]): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  return ranges.some(
    ({ first, prefixBits }) => first.kind() === parsed.kind() && parsed.match(first, prefixBits),
  );
}
