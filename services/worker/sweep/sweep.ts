import { correlationId, releaseKey } from '@pointsman/protocol/identifiers';
import { sweepLimits } from '../../../core/limits/limits.ts';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { type InFlight, listInFlight } from '../../postgres/upkeep/sweep.ts';
import { releaseStates } from './invocations.ts';
import type { SweepDeps } from './sweep-deps.ts';
import { sweepHooks } from './sweep-hooks.ts';
import { sweepSinks } from './sweep-sinks.ts';
import { storageSweep } from './sweep-storage.ts';

/**
 * Finds releases that have not settled in the database, but whose workflow is not running in Restate. Notifies the
 * `Tenant` object of each such release. The object checks again whether the release is running, so a false report
 * does no harm. Any number of workers may sweep concurrently.
 */
async function sweepOnce(deps: SweepDeps): Promise<void> {
  const olderThan = deps.clock.now() - sweepLimits.minAgeMs;
  let page: InFlight[] = [];
  do {
    page = await listInFlight(deps.db, { olderThan, limit: sweepLimits.batch, after: page.at(-1) ?? null });
    await notifyTenants(deps, page);
  } while (page.length === sweepLimits.batch);
}

async function notifyTenants(
  { admin, ingress, log }: SweepDeps,
  suspects: readonly InFlight[],
): Promise<void> {
  const states = await releaseStates(admin, suspects);
  for (const suspect of suspects) {
    const { tenant, bundle, channel, version, source } = suspect;
    if (states.get(releaseKey(suspect)) === 'running') continue;
    log.warn(
      { correlationId: correlationId(suspect) },
      'this release does not seem to be running; notifying its tenant',
    );
    await ingress.sendClient(Tenant, tenant).reconcile({ bundle, channel, version, source });
  }
}

/**
 * Starts the sweeps, which repeat until they are stopped. They run in a timer of the process and not in a Restate
 * invocation. Otherwise an operator who kills invocations could also kill the sweep that repairs the consequences.
 */
export function startSweep(deps: SweepDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const sweepStorage = storageSweep();
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      for (const sweep of [sweepOnce, sweepHooks, sweepSinks, sweepStorage]) {
        await sweep(deps).catch((error: unknown) =>
          deps.log.warn({ err: error }, 'the sweep failed; it will run again'),
        );
      }
      await pause(sweepLimits.everyMs, stopping.signal);
    }
  };
  const running = loop();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
