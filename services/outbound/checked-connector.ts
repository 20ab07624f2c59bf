import { isIP, isIPv6, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';

import { mayConnectTo } from './address-check.ts';
import type { AddressRange } from './address-ranges.ts';
import { outboundLimits } from './limits.ts';
import type { ResolveName } from './resolve-name.ts';

/** The address is none that calls may go to. No byte has been sent there, nor a connection begun. */
export class ForbiddenAddressError extends Error {
  override name = 'ForbiddenAddressError';
  /** For the log: whoever configured the call must not learn how names resolve inside. */
  readonly address: string;

  constructor(address: string) {
    super('the address check said no');
    this.address = address;
  }
}

export interface ConnectorOptions {
  readonly allow: readonly AddressRange[];
  readonly resolveName: ResolveName;
  /** Instead of the certificate authorities that Node trusts. */
  readonly ca?: string;
}

/**
 * Connects for undici, and only to addresses that pass the check. A name is resolved once for each connection, inside of the connecting
 * itself, and the socket gets nothing but the addresses that were checked: there is no second lookup that could answer otherwise. One bad
 * address forbids the whole name, so that what happens does not depend on which of them answers first.
 */
export function checkedConnector({ allow, resolveName, ca }: ConnectorOptions): buildConnector.connector {
  const connect = buildConnector({
    timeout: outboundLimits.connectTimeoutMs,
    lookup: checkedLookup(resolveName, allow),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: outboundLimits.nextAddressMs,
    allowH2: false,
    // Said, since otherwise a variable of Node's environment could turn it off.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  });
  return (options, callback) => {
    const { hostname } = options;
    // Node looks up names only: an address that stands in the URL itself is checked here.
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
