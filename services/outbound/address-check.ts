import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

import { type AddressRange, isInRanges } from './address-ranges.ts';

/**
 * Whether a call may connect to that address: to every one that belongs to a single public host, and to those in ranges that the operator
 * named. Anything else leads into somebody's own network, or nowhere: a tenant chooses the URL, and the connection comes from us.
 *
 * An address of IPv6 that carries one of IPv4 (mapped, or NAT64 under its well-known prefix) is judged by what it leads to. A NAT64
 * prefix of the network's own can't be known here: its translator must refuse private addresses itself (RFC 6052, section 3.1).
 */
export function mayConnectTo(address: string, allow: readonly AddressRange[]): boolean {
  if (isIP(address) === 0) return false;
  // Mapped ones become what they map: the system connects to that.
  const parsed = ipaddr.process(address);
  return (
    isInRanges(address, allow) || (parsed instanceof ipaddr.IPv4 ? isPublicV4(parsed) : isPublicV6(parsed))
  );
}

/**
 * The library's "unicast" is what stands in none of IANA's special-purpose registries. It leaves out the few blocks there that are reachable
 * from everywhere (AS112, AMT relays, anycast of protocols), and so do we: they are no place for anybody's service.
 */
function isPublicV4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && address.toString() !== AZURE_HOST;
}

function isPublicV6(address: ipaddr.IPv6): boolean {
  if (address.match(WELL_KNOWN_NAT64, NAT64_BITS)) {
    return isPublicV4(new ipaddr.IPv4(address.toByteArray().slice(NAT64_BITS / 8)));
  }
  // 6to4 and Teredo carry addresses of IPv4 as well, and nobody is reached through them any more: they are not "unicast".
  return address.match(GLOBAL_UNICAST, GLOBAL_UNICAST_BITS) && address.range() === 'unicast';
}

/** The host under every virtual machine on Azure, which hands out secrets of the machine. Public by the registry, local in truth. */
const AZURE_HOST = '168.63.129.16';

const WELL_KNOWN_NAT64 = ipaddr.IPv6.parse('64:ff9b::');
const NAT64_BITS = 96;

/** The eighth of IPv6 from which addresses are given out (RFC 4291, section 2.4): the rest is reserved, whatever the library calls it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
const GLOBAL_UNICAST_BITS = 3;
