import { correlationId, releaseKey } from '../../../core/identifiers.ts';
import { sweepLimits } from '../../../core/limits/limits.ts';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { type InFlight, listInFlight } from '../../postgres/upkeep/sweep.ts';
import { releaseStates } from './invocations.ts';
import type { SweepDeps } from './sweep-deps.ts';
import { sweepHooks } from './sweep-hooks.ts';
import { sweepSinks } from './sweep-sinks.ts';
import { storageSweep } from './sweep-storage.ts';

/**
 * Compares what the record believes to be in flight with what Restate runs, and tells each tenant of those that nobody runs. It only
 * suspects; the tenant's object makes sure. Any number of workers may sweep at once.
 */
async function sweepOnce(deps: SweepDeps): Promise<void> {
  const olderThan = deps.clock.now() - sweepLimits.minAgeMs;
  let page: InFlight[] = [];
  do {
    page = await listInFlight(deps.db, { olderThan, limit: sweepLimits.batch, after: page.at(-1) ?? null });
    await tellTenants(deps, page);
  } while (page.length === sweepLimits.batch);
}

async function tellTenants({ admin, ingress, log }: SweepDeps, suspects: readonly InFlight[]): Promise<void> {
  const states = await releaseStates(admin, suspects);
  for (const suspect of suspects) {
    const { tenant, bundle, channel, version, source } = suspect;
    if (states.get(releaseKey(suspect)) === 'running') continue;
    log.warn(
      { correlationId: correlationId(suspect) },
      'nobody seems to run this release; telling its tenant',
    );
    await ingress.sendClient(Tenant, tenant).reconcile({ bundle, channel, version, source });
  }
}

/**
 * Sweeps until it is stopped, in a timer of the process rather than as an invocation: an operator who kills invocations must not be
 * able to kill what cleans up after that.
 */
export function startSweep(deps: SweepDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const sweepStorage = storageSweep();
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      for (const sweep of [sweepOnce, sweepHooks, sweepSinks, sweepStorage]) {
        await sweep(deps).catch((error: unknown) =>
          deps.log.warn({ err: error }, 'the sweep failed; it goes on'),
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
