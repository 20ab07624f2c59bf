import type { Logger } from 'pino';
import { Agent } from 'undici';

import type { AddressRange } from './address-ranges.ts';
import { later, refused } from './results.ts';
import { checkedConnector } from './checked-connector.ts';
import { circuitBreakers } from './circuit-breaker.ts';
import { CallTimeoutError } from './failures.ts';
import { followRedirects, type Followed } from './follow-redirects.ts';
import type { Outbound, OutboundResult, OutboundRequest } from './contract.ts';
import { firstHop } from './hop.ts';
import { inFlightBound } from './in-flight.ts';
import { breakerLimits, outboundLimits } from './limits.ts';
import { systemResolver, type ResolveName } from './resolve-name.ts';

export interface OutboundOptions {
  /** Address ranges that may be called although they are not public, from POINTSMAN_OUTBOUND_ALLOW. */
  readonly allow: readonly AddressRange[];
  readonly log: Logger;
  /** Resolves a name to all its addresses. Default: the system's resolver. */
  readonly resolveName?: ResolveName;
  /**
   * Certificate authorities in PEM format, which replace Node's. Operators add their own with NODE_EXTRA_CA_CERTS
   * instead.
   */
  readonly ca?: string;
  /** The monotonic clock of the breakers, in milliseconds. */
  readonly monotonicMs?: () => number;
}

/**
 * Creates the client for outgoing calls. Create only one per process, because its calls share breakers, connections and
 * limits.
 */
export function openOutbound(options: OutboundOptions): Outbound {
  const { allow, log, ca, resolveName = systemResolver(), monotonicMs = () => performance.now() } = options;
  const dispatcher = new Agent({
    connect: checkedConnector({ allow, resolveName, ...(ca === undefined ? {} : { ca }) }),
    keepAliveTimeout: outboundLimits.keepAliveMs,
    keepAliveMaxTimeout: outboundLimits.keepAliveMaxMs,
    maxHeaderSize: outboundLimits.headerBytes,
  });
  const breakers = circuitBreakers({ ...breakerLimits, monotonicMs });
  const bound = inFlightBound({
    total: outboundLimits.inFlight,
    perTenant: outboundLimits.inFlightPerTenant,
  });
  const calls = new Map<AbortController, Promise<unknown>>();
  let closing: Promise<void> | null = null;

  const attempt = async (request: OutboundRequest, { signal }: AbortController): Promise<Attempted> => {
    const first = firstHop(request);
    if ('problem' in first) return unsent(refused(null, null, `the URL ${first.problem}`));
    const { correlationId, maxBytes, maxRedirects } = request;
    const tenant = tenantOf(correlationId);
    const leave = bound.enter(tenant);
    if (leave === null) return unsent(later(first.hop.url, 'too many calls are running'));
    const course = { dispatcher, breakers, tenant, signal, maxBytes, maxRedirects };
    return followRedirects(first.hop, course).finally(leave);
  };

  return {
    async call(request) {
      if (closing !== null) return later(null, 'the process is stopping');
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(new CallTimeoutError()), request.timeoutMs);
      const startedAt = performance.now();
      const attempted = attempt(request, abort);
      calls.set(abort, attempted);
      try {
        const { answer, ...how } = await attempted;
        logCall(log, request, answer, { ...how, ms: Math.round(performance.now() - startedAt) });
        return answer;
      } finally {
        clearTimeout(timer);
        calls.delete(abort);
      }
    },
    close() {
      closing ??= endCalls(calls).then(() => dispatcher.destroy());
      return closing;
    },
  };
}

type Attempted = Omit<Followed, 'origin'> & { readonly origin: string | undefined };

function unsent(result: OutboundResult): Attempted {
  return { answer: result, origin: undefined, redirects: 0, cause: undefined };
}

/** The correlation ID of a release or move begins with the tenant's name, which contains no colon. */
function tenantOf(correlationId: string): string {
  return correlationId.slice(0, Math.max(0, correlationId.indexOf(':')));
}

/** Logs a call. Only the origin of its URL is logged, because the rest of a URL often contains secrets. */
function logCall(
  log: Logger,
  { correlationId, method }: OutboundRequest,
  result: OutboundResult,
  how: Omit<Attempted, 'answer'> & { readonly ms: number },
): void {
  const status = 'status' in result ? (result.status ?? undefined) : undefined;
  const summary = 'summary' in result ? result.summary : undefined;
  const line = { correlationId, method, status, ...how, summary };
  if (result.kind === 'forbidden') log.warn(line, 'outgoing call forbidden');
  else log.info(line, `outgoing call ${result.kind}`);
}

/** Waits for the calls to end, and aborts those that exceed the time limit. */
async function endCalls(calls: ReadonlyMap<AbortController, Promise<unknown>>): Promise<void> {
  const all = Promise.allSettled(calls.values());
  const timer = setTimeout(() => {
    for (const abort of calls.keys()) abort.abort();
  }, outboundLimits.drainMs);
  await all;
  clearTimeout(timer);
}
