import { PointsmanError } from '@pointsman/protocol/errors';
import { type DeliveryName, deliveryCorrelationId } from '@pointsman/protocol/hook';
import type { HookDeliveryResult } from '../../../handlers/contract/hooks.ts';
import type { Deliveries, Fetched } from '../../../handlers/ports/hooks.ts';
import { archiveCall } from '../../hooks/archive-call.ts';
import { fetchLimits } from '../../hooks/limits.ts';
import { inFlightBound } from '../../outbound/in-flight.ts';
import type { Outbound, OutboundResult } from '../../outbound/contract.ts';
import type { Database } from '../../postgres/database.ts';
import {
  type DeliveryRecord,
  endDelivery,
  openDelivery,
  type OpenedDelivery,
} from '../../postgres/hooks/deliveries.ts';
import { storeSource } from '../../postgres/content/sources.ts';
import { contentsOf, type InvalidSource, type ReadSource } from '../../source-archive/read-source.ts';
import type { RepositoryReader } from '../../source-archive/repository-reader.ts';
import { openToken, type TokenDeps } from './hook-token.ts';
import { catchOverQuota } from '../pipeline/over-quota.ts';

export interface HookDeps extends TokenDeps {
  readonly db: Database;
  readonly outbound: Outbound;
}

/** Downloads the source of a push for a hook delivery, and stores it. */
export function hookDeliveries(deps: HookDeps & { readonly reader: RepositoryReader }): Deliveries {
  const bound = inFlightBound({ total: fetchLimits.atOnce, perTenant: fetchLimits.atOnceOfTenant });
  return {
    async fetch(name, at) {
      const leave = bound.enter(name.tenant);
      if (leave === null) return { kind: 'busy' };
      try {
        return await fetchOnce(deps, name, at);
      } finally {
        leave();
      }
    },
    async end(name, how, reason, at) {
      const ended = await endDelivery(deps.db, name, how, reason, at);
      return ended === null ? { state: how, version: null, reason } : resultOf(ended);
    },
  };
}

function resultOf({ state, version, reason }: DeliveryRecord): HookDeliveryResult {
  return { state, version, reason };
}

async function fetchOnce(
  deps: HookDeps & { readonly reader: RepositoryReader },
  name: DeliveryName,
  at: number,
): Promise<Fetched> {
  const opened = await openDelivery(deps.db, name, at);
  if (opened.kind === 'no_delivery') return { kind: 'failed', reason: 'the delivery does not exist' };
  if (opened.kind === 'ended') return { kind: 'ended', result: resultOf(opened.delivery) };
  if (opened.kind === 'refused') return opened;
  const token = openToken(deps, name, opened.token);
  if (token.kind === 'lost') return { kind: 'failed', reason: token.reason };
  const call = archiveCall({ ...opened, token: token.plain }, opened);
  const response = await deps.outbound.call({
    ...call,
    method: 'GET',
    idempotencyKey: `${deliveryCorrelationId(name)}:source`,
    correlationId: deliveryCorrelationId(name),
    timeoutMs: fetchLimits.timeoutMs,
    maxBytes: fetchLimits.archiveBytes,
    maxRedirects: fetchLimits.redirects,
  });
  if (response.kind !== 'answered') return fetchFailure(opened, response);
  const read = await readArchive(deps.reader, name.tenant, { body: response.body, folder: opened.path });
  if (read.kind !== 'source') return read;
  const exceeded = await catchOverQuota(storeSource(deps.db, name.tenant, read.tree, contentsOf(read)));
  if (exceeded !== undefined) return { kind: 'refused', reason: exceeded.reason };
  return fetched(name, opened, read);
}

function fetchFailure(
  { provider }: OpenedDelivery,
  response: Exclude<OutboundResult, { kind: 'answered' }>,
): Fetched {
  const reason = `the source can't be fetched: ${response.summary}`;
  if (response.kind === 'later') return { kind: 'later', reason, retryAfterMs: response.retryAfterMs };
  // An address rule of the operator forbids the call. The delivery is refused with this reason, which the tenant
  // sees.
  if (response.kind === 'forbidden') return { kind: 'refused', reason };
  if (response.tooLarge) {
    const bound = fetchLimits.archiveBytes;
    return { kind: 'refused', reason: `the archive is larger than the limit of ${bound} bytes` };
  }
  // GitHub returns 403 both for missing permission and for an exceeded rate limit ("Rate limits for the REST API").
  // Only the response headers distinguish the two cases, and the headers are not available here. A 403 is therefore
  // always retried.
  if (provider === 'github' && response.status === 403) return { kind: 'later', reason, retryAfterMs: null };
  return { kind: 'failed', reason };
}

type Read = ReadSource | Extract<Fetched, { kind: 'refused' | 'busy' }>;

async function readArchive(
  reader: RepositoryReader,
  tenant: string,
  { body, folder }: { body: Buffer; folder: string | null },
): Promise<Read> {
  try {
    // The body is copied, because the thread takes ownership of the memory. The HTTP client may use the same memory
    // for other bodies.
    const read = await reader.read(tenant, { bytes: new Uint8Array(body), folder });
    switch (read.kind) {
      case 'source':
        return read;
      case 'invalid':
        return { kind: 'refused', reason: firstProblem(read) };
      case 'too_large':
        return { kind: 'refused', reason: read.message };
      case 'not_gzip':
        return { kind: 'refused', reason: 'the fetched archive is not a tar.gz file' };
    }
  } catch (error) {
    if (error instanceof PointsmanError && error.code === 'busy') return { kind: 'busy' };
    if (error instanceof PointsmanError && error.code === 'too_large')
      return { kind: 'refused', reason: error.message };
    throw error;
  }
}

function firstProblem({ diagnostics, truncated }: InvalidSource): string {
  const [first] = diagnostics;
  if (!first) return 'the fetched files are not a valid source';
  const place = first.path === '' ? first.message : `${first.path}: ${first.message}`;
  const others = diagnostics.length - 1;
  return others === 0 ? place : `${place} (and ${others}${truncated ? ' or more' : ''} other problems)`;
}

function fetched(
  { hook, delivery }: DeliveryName,
  { bundle, channel, createChannel, onConflict, subject, repository, ref, commit }: OpenedDelivery,
  { tree }: ReadSource,
): Fetched {
  return {
    kind: 'fetched',
    source: tree.digest,
    bundle,
    channel,
    createChannel,
    onConflict,
    message: subject,
    origin: { hook, delivery, repository, ref, commit },
  };
}
