import { lookup } from 'node:dns/promises';

import { outboundLimits } from './limits.ts';

/** Returns all addresses of a name. Rejects if the name has no address or the lookup fails. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/**
 * Uses the system's resolver, including its hosts file and search domains, as operators expect. Node's own resolver
 * would need no threads, but ignores both. The lookups are limited because they use threads: a slow name server then
 * delays only other lookups.
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

/** Limits concurrency. Further callers wait in their order of arrival. */
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
