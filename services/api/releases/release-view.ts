import { correlationId } from '@pointsman/protocol/identifiers';
import type { ReleaseView } from '@pointsman/protocol/releases/release-view';
import type { ReleaseRecord } from '../../postgres/releases/releases.ts';

export function viewRelease(record: ReleaseRecord): ReleaseView {
  const { tenant, bundle, version, channel, waitingFor, ...rest } = record;
  const opensAt = (gate: string | null) => record.gates.find((one) => one.gate === gate)?.opensAt ?? null;
  return {
    tenant,
    bundle,
    version,
    channel,
    correlationId: correlationId(record),
    ...rest,
    // The time at which a time window opens is not stored in the database. It is computed here from the window's rule and the current time.
    waitingFor: waitingFor.map((one) => (one.kind === 'window' ? { ...one, until: opensAt(one.name) } : one)),
  };
}
