import { fetch } from 'undici';

import type { Database } from '../postgres/database.ts';
import { probeLimits } from './limits.ts';

export type Probed = 'ok' | 'down';

/** Whether the stores answer. */
export interface Readiness {
  look(): Promise<{ readonly postgres: Probed; readonly restate: Probed }>;
}

/** Looks at both stores; all who ask within {@link probeLimits.cacheMs} share one look. */
export function storeReadiness(db: Database, restateIngressUrl: string): Readiness {
  let lookedAt = -Infinity;
  let latest: ReturnType<Readiness['look']> | null = null;
  const look = async () => {
    const [postgres, restate] = await Promise.all([
      probe(() => db.ping()),
      probe(() => pingRestate(restateIngressUrl)),
    ]);
    return { postgres, restate };
  };
  return {
    look: () => {
      if (latest === null || performance.now() - lookedAt > probeLimits.cacheMs) {
        lookedAt = performance.now();
        latest = look();
      }
      return latest;
    },
  };
}

async function probe(ping: () => Promise<void>): Promise<Probed> {
  const { promise: late, resolve } = Promise.withResolvers<Probed>();
  const timer = setTimeout(() => resolve('down'), probeLimits.timeoutMs);
  try {
    return await Promise.race([ping().then((): Probed => 'ok'), late]);
  } catch {
    return 'down';
  } finally {
    clearTimeout(timer);
  }
}

async function pingRestate(ingressUrl: string): Promise<void> {
  const response = await fetch(`${ingressUrl.replace(/\/+$/, '')}/restate/health`, {
    signal: AbortSignal.timeout(probeLimits.timeoutMs),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`Restate says ${response.status}`);
}
