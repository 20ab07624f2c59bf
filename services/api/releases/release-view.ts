import { correlationId } from '@pointsman/protocol/identifiers';
import { STAGES, type WaitingFor } from '@pointsman/protocol/releases/release';
import type { ReleaseView } from '@pointsman/protocol/releases/release-view';
import type { ReleaseRecord } from '../../postgres/releases/releases.ts';

export function viewRelease(record: ReleaseRecord): ReleaseView {
  const { tenant, bundle, version, channel, status, waitingFor, ...rest } = record;
  const waits = waitingFor.flatMap((one) => openWait(one, record.gates));
  return {
    tenant,
    bundle,
    version,
    channel,
    correlationId: correlationId(record),
    ...rest,
    status: status === 'waiting' && waits.length === 0 ? 'running' : status,
    waitingFor: waits,
  };
}

/**
 * Adds to the wait for a time window when the window opens. The database does not store that time: it is computed from the window's rule and
 * the current time. Returns nothing for a window without an active freeze, because the release does not wait for it.
 */
function openWait(wait: WaitingFor, gates: ReleaseRecord['gates']): WaitingFor[] {
  if (wait.kind !== 'window') return [wait];
  const until = gates.find(({ gate }) => gate === wait.name)?.opensAt ?? null;
  return until === null ? [] : [{ ...wait, until }];
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
