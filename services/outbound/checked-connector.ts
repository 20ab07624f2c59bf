import { isIP, isIPv6, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';

import { mayConnectTo } from './address-check.ts';
import type { AddressRange } from './address-ranges.ts';
import { outboundLimits } from './limits.ts';
import type { ResolveName } from './resolve-name.ts';

/** The address is blocked. No connection was opened. */
export class ForbiddenAddressError extends Error {
  override name = 'ForbiddenAddressError';
  /** For the log only: the tenant must not learn how names resolve in a private network. */
  readonly address: string;

  constructor(address: string) {
    super('the address check rejected the address');
    this.address = address;
  }
}

export interface ConnectorOptions {
  readonly allow: readonly AddressRange[];
  readonly resolveName: ResolveName;
  /** Replaces the certificate authorities that Node trusts. */
  readonly ca?: string;
}

/**
 * A connector for undici that connects only to addresses that pass the check. A name is resolved once per
 * connection, inside the connection attempt, and the socket gets only the checked addresses. A second lookup
 * with another result (DNS rebinding) is therefore impossible. One blocked address blocks the whole name, so
 * that the result does not depend on which address responds first.
 */
export function checkedConnector({ allow, resolveName, ca }: ConnectorOptions): buildConnector.connector {
  const connect = buildConnector({
    timeout: outboundLimits.connectTimeoutMs,
    lookup: checkedLookup(resolveName, allow),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: outboundLimits.nextAddressMs,
    allowH2: false,
    // Explicit, because one of Node's environment variables could otherwise disable it.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  });
  return (options, callback) => {
    const { hostname } = options;
    // Node looks up only names. An IP address in the URL is checked here.
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
