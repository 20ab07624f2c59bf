import { retentionLimits } from '../../core/storage-limits.ts';
import { forgetAudit, forgetKeys, sweepContent, tenantsToSweep } from '../postgres/retention.ts';
import type { SweepDeps } from './sweep-deps.ts';

/**
 * Deletes content that nothing came to name, expired idempotency keys, and audit rows past their retention. Bounded, so that the sweep of
 * releases is not kept waiting: what is left is for the next round.
 */
export async function sweepStorage({
  db,
  clock,
  auditMs,
  log,
}: Pick<SweepDeps, 'db' | 'clock' | 'auditMs' | 'log'>): Promise<void> {
  for (const tenant of await tenantsToSweep(db)) {
    // One tenant's content must not keep that of the others: theirs is swept, and the next round tries this one again.
    await repeatedly(1, () => sweepContent(db, tenant)).catch((error: unknown) =>
      log.warn({ tenant, err: error }, 'the sweep of stored content failed for this tenant; it goes on'),
    );
  }
  const now = clock.now();
  await repeatedly(retentionLimits.batch, () => forgetKeys(db, now - retentionLimits.keysMs));
  await repeatedly(retentionLimits.batch, () => forgetAudit(db, now - auditMs));
}

/** As long as a batch comes back full, up to a bound. */
async function repeatedly(full: number, work: () => Promise<number>): Promise<void> {
  for (let batch = 0; batch < retentionLimits.batches; batch++) {
    if ((await work()) < full) return;
  }
}
