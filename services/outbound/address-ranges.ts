import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A block of addresses such as `10.0.0.0/8` or `fd00::/8`. */
export interface AddressRange {
  readonly first: Address;
  readonly prefixBits: number;
}

/**
 * Parses a CIDR block. Returns null for any other text. Parsing is strict, because a mistake here exposes a network:
 * octal and short forms, zones, and bits set after the prefix are refused. A range of IPv4-mapped addresses becomes the
 * range of their IPv4 addresses, because connections use those.
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

/** The number of bits before the IPv4 address in `::ffff:0:0/96`. */
const MAPPED_BITS = 96;

function hasBitsAfter(address: Address, prefixBits: number): boolean {
  const bits = address.toByteArray().map((byte) => byte.toString(2).padStart(8, '0'));
  return bits.join('').slice(prefixBits).includes('1');
}

/** Whether the address is in one of the ranges. A mapped address is first converted to its IPv4 address. */
export function isInRanges(address: string, ranges: readonly AddressRange[]): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  return ranges.some(
    ({ first, prefixBits }) => first.kind() === parsed.kind() && parsed.match(first, prefixBits),
  );
}
