import { correlationId } from '@pointsman/protocol/identifiers';
import { STAGES } from '@pointsman/protocol/releases/release';
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

/**
 * Returns the release that an admission has just started, as the database returns it before the first step. It is composed from the request
 * and the result of the admission, so that the response needs no query.
 */
export function startedRelease(
  {
    notBefore,
    ...request
  }: Pick<ReleaseRecord, 'tenant' | 'bundle' | 'version' | 'channel' | 'source' | 'message' | 'by'> & {
    readonly notBefore: number | null;
  },
  started: Pick<ReleaseRecord, 'policyVersion' | 'createdAt'>,
): ReleaseRecord {
  const { tenant, bundle, version, channel, source, message, by } = request;
  return {
    tenant,
    bundle,
    version,
    channel,
    source,
    status: 'running',
    waitingFor: [],
    digest: null,
    generation: null,
    sameAs: null,
    message,
    by,
    origin: null,
    notBefore: notBefore === null ? null : new Date(notBefore).toISOString(),
    supersededBy: null,
    ...started,
    settledAt: null,
    outcome: null,
    verification: null,
    reason: null,
    stage: STAGES[0],
    stages: [],
    effects: [],
    gates: [],
  };
}
