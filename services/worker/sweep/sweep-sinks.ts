import { sweepLimits } from '../../../core/limits/limits.ts';
import { sinkKey } from '@pointsman/protocol/sinks/sink';
import { Sink, type SinkNotification } from '../../../handlers/contract/sink.ts';
import { listBehind } from '../../postgres/sinks/sink-deliveries.ts';
import { runningKeys } from './invocations.ts';
import type { SweepDeps } from './sweep-deps.ts';

/**
 * Notifies the sinks that have undelivered moves but no running writer. Such a sink was not notified of its moves,
 * because the sender died, the invocation was killed, or Restate lost its data. Tenants are read in pages, so that
 * the size of a query does not depend on their number.
 */
export async function sweepSinks(deps: SweepDeps): Promise<void> {
  const nowMs = deps.clock.now();
  const movedBefore = nowMs - sweepLimits.minAgeMs;
  for (let after: string | null = ''; after !== null;) {
    const page = await listBehind(deps.db, { brokers: deps.brokers, after, movedBefore, nowMs });
    await notifySinks(deps, page.behind);
    after = page.last;
  }
}

/**
 * Notifies the sinks whose writer is not running. A delayed call to a writer is not sufficient, because it may be for
 * another tenant of the same stream.
 */
async function notifySinks(
  { admin, ingress }: SweepDeps,
  behind: readonly SinkNotification[],
): Promise<void> {
  const target = { service: Sink.name, handler: 'deliver' };
  const busy = await runningKeys(admin, target, behind.map(sinkKey));
  for (const notification of behind) {
    const key = sinkKey(notification);
    if (!busy.has(key)) await ingress.sendClient(Sink, key).deliver({ ...notification, readRecord: true });
  }
}
