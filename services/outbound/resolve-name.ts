import { lookup } from 'node:dns/promises';

import { outboundLimits } from './limits.ts';

/** Returns all addresses of a host name. Rejects if the name has no address, or the lookup fails. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/**
 * Returns a function that resolves names with the resolver of the operating system. This resolver uses the hosts file
 * and the search domains, as operators expect. Node's own DNS client would occupy no threads, but ignores both. The
 * number of concurrent lookups is limited, so that a slow name server can't occupy all threads of the process.
 */
export function systemResolver(): ResolveName {
  const enter = semaphore(outboundLimits.lookups);
  return async (name) => {
    const leave = await enter();
    try {
      const found = await lookup(name, { all: true, order: 'verbatim' });
      return found.map(({ address }) => address);
    } finally {
      leave();
    }
  };
}

/**
 * Creates a semaphore. `atOnce` callers may hold it at a time. Other callers wait, and get it in the order of their
 * calls.
 */
function semaphore(atOnce: number): () => Promise<() => void> {
  let free = atOnce;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  return async () => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    return leave;
  };
}
