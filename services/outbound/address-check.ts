import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

import { type AddressRange, isInRanges } from './address-ranges.ts';

/**
 * Whether a call may connect to this address. Allowed are addresses of a single public host, and addresses in ranges
 * that the operator has listed. Any other address leads to a private network or is unusable. The check is needed
 * because a tenant chooses the URL, and the connection is opened from the operator's network.
 *
 * An IPv6 address that contains an IPv4 address (mapped, or NAT64 with its well-known prefix) is checked by its IPv4
 * address. A network's own NAT64 prefix is unknown here: its translator must reject private addresses itself (RFC 6052,
 * section 3.1).
 */
export function mayConnectTo(address: string, allow: readonly AddressRange[]): boolean {
  if (isIP(address) === 0) return false;
  // A mapped address is converted to its IPv4 address, because the operating system connects to that address.
  const parsed = ipaddr.process(address);
  return (
    isInRanges(address, allow) || (parsed instanceof ipaddr.IPv4 ? isPublicV4(parsed) : isPublicV6(parsed))
  );
}

/**
 * The library classifies an address as "unicast" if it is outside IANA's special-purpose registries. A few blocks in
 * these registries are globally reachable (AS112, AMT relays, protocol anycast). They are also rejected, because no
 * provider runs a service there.
 */
function isPublicV4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && address.toString() !== AZURE_HOST_ADDRESS;
}

function isPublicV6(address: ipaddr.IPv6): boolean {
  if (address.match(WELL_KNOWN_NAT64, NAT64_BITS)) {
    return isPublicV4(new ipaddr.IPv4(address.toByteArray().slice(NAT64_BITS / 8)));
  }
  // This also rejects 6to4 and Teredo addresses. They contain IPv4 addresses and are obsolete, and the library does not
  // classify them as "unicast".
  return address.match(GLOBAL_UNICAST, GLOBAL_UNICAST_BITS) && address.range() === 'unicast';
}

/**
 * The host address of every Azure virtual machine. A service there returns secrets of the machine. The registry lists
 * the address as public, but in practice it is local.
 */
const AZURE_HOST_ADDRESS = '168.63.129.16';

const WELL_KNOWN_NAT64 = ipaddr.IPv6.parse('64:ff9b::');
const NAT64_BITS = 96;

/**
 * The eighth of the IPv6 space from which addresses are assigned (RFC 4291, section 2.4). The rest is reserved,
 * whatever the library's classification.
 */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
const GLOBAL_UNICAST_BITS = 3;
