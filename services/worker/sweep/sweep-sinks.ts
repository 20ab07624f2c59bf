import { sweepLimits } from '../../../core/limits/limits.ts';
import { sinkKey } from '../../../core/sink.ts';
import { Sink, type SinkWake } from '../../../handlers/contract/sink.ts';
import { listBehind } from '../../postgres/sinks/sink-deliveries.ts';
import { keysAtWork } from './invocations.ts';
import type { SweepDeps } from './sweep-deps.ts';

/**
 * Wakes sinks to which something is due and that nobody is busy with: a wake was lost with whoever would have sent it, or with its own invocation, or
 * Restate has lost all that it knew. Tenants are gone through in pages, so that no query grows with their number.
 */
export async function sweepSinks(deps: SweepDeps): Promise<void> {
  const nowMs = deps.clock.now();
  const movedBefore = nowMs - sweepLimits.minAgeMs;
  for (let after: string | null = ''; after !== null;) {
    const page = await listBehind(deps.db, { brokers: deps.brokers, after, movedBefore, nowMs });
    await wakeThem(deps, page.behind);
    after = page.last;
  }
}

/** A message that waits for its time keeps nobody from being woken: it may be another tenant's of the same stream. */
async function wakeThem({ admin, ingress }: SweepDeps, behind: readonly SinkWake[]): Promise<void> {
  const target = { service: Sink.name, handler: 'deliver' };
  const busy = await keysAtWork(admin, target, behind.map(sinkKey));
  for (const wake of behind) {
    const key = sinkKey(wake);
    if (!busy.has(key)) await ingress.sendClient(Sink, key).deliver({ ...wake, look: true });
  }
}
