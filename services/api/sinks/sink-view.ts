import { feedCursor } from '@pointsman/protocol/moves/feed-cursor';
import type { Broker } from '@pointsman/protocol/sinks/sink';
import type { AttemptView, SinkView } from '@pointsman/protocol/sinks/sink-view';
import type { AttemptRecord, SinkHealth, SinkRecord } from '../../postgres/sinks/sinks.ts';
import type { SecretBox } from '../../secrets/secret-box.ts';

/** @param latest the number of the last move in the tenant's feed, read after `record` */
export function viewSink(
  tenant: string,
  latest: number,
  record: SinkRecord,
  secrets: SecretBox | null,
): SinkView {
  const { secret, previousSecret, previousUntil, deliveredSeq, createdBy, createdAt, ...shown } = record;
  const { kind, failures, pausedBy } = shown;
  const standing = failures > 0 ? 'failing' : 'active';
  return {
    ...shown,
    state: pausedBy === null ? standing : 'paused',
    cursor: feedCursor({ tenant, seq: deliveredSeq }),
    lag: Math.max(0, latest - deliveredSeq),
    previousSecretUntil: isOver(previousUntil) ? null : previousUntil,
    sealedUnder: sealedUnder([secret, isOver(previousUntil) ? null : previousSecret], secrets),
    // The creator of a platform sink is hidden, because the tenant did not create it.
    ...(kind === 'webhook' ? { createdBy, createdAt } : { createdBy: null, createdAt: null }),
  };
}

function isOver(until: string | null): boolean {
  return until === null || Date.parse(until) <= Date.now();
}

function sealedUnder(sealed: readonly (string | null)[], secrets: SecretBox | null): SinkView['sealedUnder'] {
  const under = sealed.flatMap((one) => (one === null ? [] : [secrets?.sealedUnder(one) ?? 'lost']));
  return (['lost', 'previous', 'current'] as const).find((one) => under.includes(one)) ?? null;
}

/**
 * Returns the view of a broker that has not delivered anything to this tenant yet. The broker's health is known nevertheless, because all
 * tenants of a partition share it.
 */
export function viewUntouched(tenant: string, latest: number, broker: Broker, health: SinkHealth): SinkView {
  return {
    sink: broker,
    kind: broker,
    url: null,
    state: health.failures > 0 ? 'failing' : 'active',
    cursor: feedCursor({ tenant, seq: 0 }),
    lag: latest,
    deliveredAt: null,
    ...health,
    pausedBy: null,
    pausedAt: null,
    pauseReason: null,
    previousSecretUntil: null,
    sealedUnder: null,
    createdBy: null,
    createdAt: null,
  };
}

export function viewAttempt({ n: _n, ...shown }: AttemptRecord): AttemptView {
  return shown;
}
