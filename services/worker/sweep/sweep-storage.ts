import { retentionLimits } from '../../../core/limits/storage-limits.ts';
import { forgetAudit, forgetKeys, sweepContent, tenantsToSweep } from '../../postgres/upkeep/retention.ts';
import type { SweepDeps } from './sweep-deps.ts';

type StorageDeps = Pick<SweepDeps, 'db' | 'clock' | 'auditMs' | 'log'>;

/**
 * Makes a sweep that deletes content which nothing names, expired idempotency keys, and audit rows past their retention. One call is one round:
 * it ends after a time, so that the sweep of releases does not wait for it. The next round goes on with the tenant after the last one.
 */
export function storageSweep(): (deps: StorageDeps) => Promise<void> {
  let after = '';
  return async ({ db, clock, auditMs, log }) => {
    const endMs = performance.now() + retentionLimits.roundMs;
    const tenants = await tenantsToSweep(db, after);
    let swept = 0;
    for (const tenant of tenants) {
      if (performance.now() > endMs) break;
      swept += 1;
      after = tenant;
      // One tenant's content that can't be swept must not keep that of the others.
      await repeatedly(1, () => sweepContent(db, tenant)).catch((error: unknown) =>
        log.warn({ tenant, err: error }, 'the sweep of stored content failed for this tenant; it goes on'),
      );
    }
    // After the last name, the next round starts from the first one.
    if (swept === tenants.length && swept < retentionLimits.tenants) after = '';
    const now = clock.now();
    await repeatedly(retentionLimits.batch, () => forgetKeys(db, now - retentionLimits.keysMs));
    await repeatedly(retentionLimits.batch, () => forgetAudit(db, now - auditMs));
  };
}

/** As long as a batch comes back full, up to a bound. */
async function repeatedly(full: number, work: () => Promise<number>): Promise<void> {
  for (let batch = 0; batch < retentionLimits.batches; batch++) {
    if ((await work()) < full) return;
  }
}
