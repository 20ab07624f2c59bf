import { isIP, isIPv6, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';

import { mayConnectTo } from './address-check.ts';
import type { AddressRange } from './address-ranges.ts';
import { outboundLimits } from './limits.ts';
import type { ResolveName } from './resolve-name.ts';

/** Thrown when the address check refuses an address. No connection was opened. */
export class ForbiddenAddressError extends Error {
  override name = 'ForbiddenAddressError';
  /**
   * The refused address. Use it only in the log. The tenant must not see it, because it would reveal how names
   * resolve in a private network.
   */
  readonly address: string;

  constructor(address: string) {
    super('the address check rejected the address');
    this.address = address;
  }
}

export interface ConnectorOptions {
  readonly allow: readonly AddressRange[];
  readonly resolveName: ResolveName;
  /** Certificate authorities in PEM format. They replace the authorities that Node trusts by default. */
  readonly ca?: string;
}

/**
 * Creates a connector for undici that connects only to addresses that pass the check. Each connection attempt
 * resolves the name once, and the socket connects only to the checked addresses. An attacker therefore can't return a
 * different address in a second lookup (DNS rebinding). If one address of a name is refused, the name is refused.
 * Otherwise the result would depend on which address responds first.
 */
export function checkedConnector({ allow, resolveName, ca }: ConnectorOptions): buildConnector.connector {
  const connect = buildConnector({
    timeout: outboundLimits.connectTimeoutMs,
    lookup: checkedLookup(resolveName, allow),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: outboundLimits.nextAddressMs,
    allowH2: false,
    // Node verifies certificates by default, but the environment variable NODE_TLS_REJECT_UNAUTHORIZED could disable
    // that.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  });
  return (options, callback) => {
    const { hostname } = options;
    // If the URL contains an IP address, Node does not call `lookup`, so the address is checked here.
    if (isIP(hostname) === 0 || mayConnectTo(hostname, allow)) connect(options, callback);
    else queueMicrotask(() => callback(new ForbiddenAddressError(hostname), null));
  };
}

function checkedLookup(resolveName: ResolveName, allow: readonly AddressRange[]): LookupFunction {
  const checked = callbackify(async (name: string) => {
    const found = await resolveName(name);
    const forbidden = found.find((address) => !mayConnectTo(address, allow));
    if (forbidden !== undefined) throw new ForbiddenAddressError(forbidden);
    const [first, ...others] = found.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    if (first === undefined) throw noAddress(name);
    return { first, all: [first, ...others] };
  });
  return (name, options, callback) =>
    checked(name, (error: Error | null, addresses) => {
      if (error !== null) callback(error, []);
      else if (options.all === true) callback(null, addresses.all);
      else callback(null, addresses.first.address, addresses.first.family);
    });
}

function noAddress(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${name} has no address`), { code: 'ENOTFOUND' });
}
