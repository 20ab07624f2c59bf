import { setTimeout as pause } from 'node:timers/promises';

import type { TestBroker } from '../servers/brokers.ts';
import type { WorkerProcess } from '../worlds/control-plane.ts';
import { between, type Random } from '../data/seeded-random.ts';
import type { SilentProxy } from '../servers/silent-proxy.ts';

/** A broker, and what stands between it and everybody who talks to it. */
export interface Reached {
  readonly broker: TestBroker;
  readonly proxy: SilentProxy;
}

export type Fault = 'killed' | 'silent';

const KiB = 1_024;

/** Does that to a broker in the middle of what it is told, if it is told anything, and makes it good some time later. */
export async function strike({ broker, proxy }: Reached, fault: Fault, random: Random): Promise<void> {
  await Promise.race([proxy.told(between(random, 20, 200) * KiB), pause(between(random, 1_000, 4_000))]);
  if (fault === 'killed') {
    await broker.kill();
    await pause(between(random, 0, 2_000));
    await broker.restart();
    return;
  }
  proxy.swallow();
  // Some are over before anybody has given up, and some after.
  await pause(between(random, 2_000, 9_000));
  proxy.heal();
}

/**
 * Kills the worker every few seconds, in the middle of what it tells one of those brokers if it tells it anything; until it is told to end. Then a
 * worker runs.
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
      // Restate tries again up to five seconds after a worker is back: one that is always killed before that only proves that nothing goes on.
      await pause(between(random, 3_000, 12_000), undefined, { signal });
      const { proxy } = brokers[Math.floor(random() * brokers.length)]!;
      await Promise.race([
        proxy.told(between(random, 0, 50) * KiB),
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
  // Whoever ends it is told; until then a failure is nobody's unhandled one.
  killing.catch(() => undefined);
  return {
    end: async () => {
      ending.abort();
      await killing;
    },
  };
}
