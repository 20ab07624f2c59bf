import { type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { fetch } from 'undici';

import type { Probed, ReadyView } from '@pointsman/protocol/health-view';
import { singleFlight } from '@pointsman/protocol/calls/single-flight';
import { Worker } from '../../../handlers/contract/worker.ts';
import type { Database } from '../../postgres/database.ts';
import { probeLimits } from '../limits.ts';

/** Probes whether the stores and a worker respond. */
export interface Readiness {
  probe(): Promise<Readonly<Omit<ReadyView, 'status'>>>;
}

/** Creates the probe of the stores and the worker. Requests within {@link probeLimits.cacheMs} share one result. */
export function readinessOf(db: Database, restateIngressUrl: string, ingress: Ingress): Readiness {
  let probedAt = -Infinity;
  let latest: ReturnType<Readiness['probe']> | null = null;
  // If a worker hangs, Restate keeps the ping in its queue. Later probes therefore wait for the same ping, and do not send another.
  const workerPing = singleFlight(() => pingThrough(ingress));
  const probeAll = async () => {
    const [postgres, restate, worker] = await Promise.all([
      probe(() => db.ping()),
      probe(() => pingRestate(restateIngressUrl)),
      probe(() => workerPing.join()),
    ]);
    return { postgres, restate, worker };
  };
  return {
    probe: () => {
      if (latest === null || performance.now() - probedAt > probeLimits.cacheMs) {
        probedAt = performance.now();
        latest = probeAll();
      }
      return latest;
    },
  };
}

async function pingThrough(ingress: Ingress): Promise<void> {
  await ingress.client(Worker).ping(rpc.opts({ signal: AbortSignal.timeout(probeLimits.pingMs) }));
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
  if (!response.ok) throw new Error(`Restate answered ${response.status}`);
}
