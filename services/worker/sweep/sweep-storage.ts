import { retentionLimits } from '../../../core/limits/storage-limits.ts';
import { forgetAudit, forgetKeys, sweepContent, tenantsToSweep } from '../../postgres/upkeep/retention.ts';
import type { SweepDeps } from './sweep-deps.ts';

type StorageDeps = Pick<SweepDeps, 'db' | 'clock' | 'auditMs' | 'log'>;

/**
 * Creates a sweep that deletes unreferenced content, expired idempotency keys, and audit rows after their retention
 * time. Each call is one round with a time limit, so that the other sweeps do not wait too long. The next round
 * continues with the next tenant.
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
      // If the sweep of one tenant fails, the others are nevertheless swept.
      await repeatedly(1, () => sweepContent(db, tenant)).catch((error: unknown) =>
        log.warn(
          { tenant, err: error },
          'the sweep of stored content failed for this tenant; continuing with the next one',
        ),
      );
    }
    // After the last tenant, the next round starts with the first tenant again.
    if (swept === tenants.length && swept < retentionLimits.tenants) after = '';
    const now = clock.now();
    await repeatedly(retentionLimits.batch, () => forgetKeys(db, now - retentionLimits.keysMs));
    await repeatedly(retentionLimits.batch, () => forgetAudit(db, now - auditMs));
  };
}

/** Repeats the work until a batch is not full, at most `retentionLimits.batches` times. */
async function repeatedly(full: number, work: () => Promise<number>): Promise<void> {
  for (let batch = 0; batch < retentionLimits.batches; batch++) {
    if ((await work()) < full) return;
  }
}
