import { lookup } from 'node:dns/promises';

import { outboundLimits } from './limits.ts';

/** Every address of a name. Rejects when it has none, or when nobody can say. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/**
 * As the machine itself resolves names, its hosts file and search domains included, so that operators meet no surprise. Node's own resolver
 * would need no threads, but knows neither. Hence the bound: a name server that dawdles holds up other lookups, and nothing else.
 */
export function systemResolver(): ResolveName {
  const enter = turns(outboundLimits.lookups);
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

/** Lets so many in at a time; the others wait in the order in which they came. */
function turns(atOnce: number): () => Promise<() => void> {
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
