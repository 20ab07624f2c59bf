import { isIP, isIPv6, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';

import { mayConnectTo } from './address-check.ts';
import type { AddressRange } from './address-ranges.ts';
import { outboundLimits } from './limits.ts';
import type { ResolveName } from './resolve-name.ts';

/** Thrown when an address is blocked. No connection was opened. */
export class ForbiddenAddressError extends Error {
  override name = 'ForbiddenAddressError';
  /** The blocked address, for the log only: the tenant must not find out how names resolve in a private network. */
  readonly address: string;

  constructor(address: string) {
    super('the address check rejected the address');
    this.address = address;
  }
}

export interface ConnectorOptions {
  readonly allow: readonly AddressRange[];
  readonly resolveName: ResolveName;
  /** Certificate authorities in PEM format, which replace those that Node trusts. */
  readonly ca?: string;
}

/**
 * Creates a connector for undici that connects only to addresses that pass the check. A name is resolved once per
 * connection, inside the connection attempt, and the socket gets only the checked addresses. A second lookup with a
 * different result (DNS rebinding) is therefore impossible. One blocked address blocks the whole name, so that the
 * result does not depend on the address that responds first.
 */
export function checkedConnector({ allow, resolveName, ca }: ConnectorOptions): buildConnector.connector {
  const connect = buildConnector({
    timeout: outboundLimits.connectTimeoutMs,
    lookup: checkedLookup(resolveName, allow),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: outboundLimits.nextAddressMs,
    allowH2: false,
    // Set explicitly, because an environment variable of Node could otherwise disable the verification.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  });
  return (options, callback) => {
    const { hostname } = options;
    // Node resolves only names, so an IP address in the URL is checked here.
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
