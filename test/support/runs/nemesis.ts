import { setTimeout as pause } from 'node:timers/promises';

import type { TestBroker } from '../servers/brokers.ts';
import type { WorkerProcess } from '../worlds/control-plane.ts';
import { between, type Random } from '../data/seeded-random.ts';
import type { SilentProxy } from '../servers/silent-proxy.ts';

/** A broker, and the proxy between the broker and all its clients. */
export interface Reached {
  readonly broker: TestBroker;
  readonly proxy: SilentProxy;
}

export type Fault = 'killed' | 'silent';

const KiB = 1_024;

/**
 * Causes the fault at a broker, if possible while bytes are transferred to it, and ends the fault some time later.
 */
export async function strike({ broker, proxy }: Reached, fault: Fault, random: Random): Promise<void> {
  await Promise.race([
    proxy.transferred(between(random, 20, 200) * KiB),
    pause(between(random, 1_000, 4_000)),
  ]);
  if (fault === 'killed') {
    await broker.kill();
    await pause(between(random, 0, 2_000));
    await broker.restart();
    return;
  }
  proxy.swallow();
  // The duration is random, so some faults end before a client has given up, and others after that.
  await pause(between(random, 2_000, 9_000));
  proxy.heal();
}

/**
 * Kills the worker every few seconds, if possible during a transfer to one of those brokers, until `end` is called. A worker is running
 * when `end` resolves.
 */
export function killAtRandom(
  worker: WorkerProcess,
  brokers: readonly Reached[],
  random: Random,
): { end(): Promise<void> } {
  const ending = new AbortController();
  const { signal } = ending;
  const isItsTime = async (): Promise<boolean> => {
    try {
      // After a restart, it takes up to five seconds until Restate retries. If every worker were killed before that,
      // no invocation would make progress.
      await pause(between(random, 3_000, 12_000), undefined, { signal });
      const { proxy } = brokers[Math.floor(random() * brokers.length)]!;
      await Promise.race([
        proxy.transferred(between(random, 0, 50) * KiB),
        pause(between(random, 500, 2_000), undefined, { signal }),
      ]);
      return true;
    } catch {
      return false;
    }
  };
  const killing = (async (): Promise<void> => {
    while (await isItsTime()) await worker.kill();
  })();
  // The caller of `end` receives this error later. Until then it must not count as an unhandled rejection.
  killing.catch(() => undefined);
  return {
    end: async () => {
      ending.abort();
      await killing;
    },
  };
}
