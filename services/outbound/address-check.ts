import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

import { type AddressRange, isInRanges } from './address-ranges.ts';

/**
 * Whether an outgoing call may connect to this address. The check is needed because tenants choose the URLs, and the
 * connection is opened from the operator's network. Addresses of public hosts are allowed, and addresses in the
 * ranges that the operator has listed. All other addresses are refused. They belong to private networks or can't be
 * used.
 *
 * An IPv6 address may contain an IPv4 address, as a mapped address or with the well-known NAT64 prefix. Such an
 * address is checked by its IPv4 address. NAT64 prefixes that a network has chosen itself are not detected. The NAT64
 * translator of such a network must reject private addresses (RFC 6052, section 3.1).
 */
export function mayConnectTo(address: string, allow: readonly AddressRange[]): boolean {
  if (isIP(address) === 0) return false;
  // `process` converts a mapped address to its IPv4 address, because the operating system also connects to the IPv4
  // address.
  const parsed = ipaddr.process(address);
  return (
    isInRanges(address, allow) || (parsed instanceof ipaddr.IPv4 ? isPublicV4(parsed) : isPublicV6(parsed))
  );
}

/**
 * Whether an IPv4 address belongs to a public host. The library returns "unicast" for an address outside IANA's
 * special-purpose registries. A few blocks in the registries are globally reachable (AS112, AMT relays, protocol
 * anycast). They are refused too, because callers do not need them.
 */
function isPublicV4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && address.toString() !== AZURE_HOST_ADDRESS;
}

function isPublicV6(address: ipaddr.IPv6): boolean {
  if (address.match(WELL_KNOWN_NAT64, NAT64_BITS)) {
    return isPublicV4(new ipaddr.IPv4(address.toByteArray().slice(NAT64_BITS / 8)));
  }
  // 6to4 and Teredo addresses are also refused, because the library does not classify them as "unicast". They are
  // obsolete, and contain IPv4 addresses that would not be checked.
  return address.match(GLOBAL_UNICAST, GLOBAL_UNICAST_BITS) && address.range() === 'unicast';
}

/**
 * The address of the host of every Azure virtual machine. A service at this address returns secrets of the machine.
 * IANA's registries list the address as public, but it is reachable only inside Azure.
 */
const AZURE_HOST_ADDRESS = '168.63.129.16';

const WELL_KNOWN_NAT64 = ipaddr.IPv6.parse('64:ff9b::');
const NAT64_BITS = 96;

/**
 * The eighth of the IPv6 address space from which addresses are assigned (RFC 4291, section 2.4). All other addresses
 * are reserved and refused, even if the library classifies them as "unicast".
 */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
const GLOBAL_UNICAST_BITS = 3;
