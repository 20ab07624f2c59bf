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
  /** Non-public address ranges that may be called nevertheless. They are configured by POINTSMAN_OUTBOUND_ALLOW. */
  readonly allow: readonly AddressRange[];
  readonly log: Logger;
  /** Resolves a name to all its addresses. The default is the resolver of the operating system. */
  readonly resolveName?: ResolveName;
  /**
   * Certificate authorities in PEM format. They replace the authorities that Node trusts by default. This option is
   * for tests; operators add authorities with NODE_EXTRA_CA_CERTS.
   */
  readonly ca?: string;
  /** The monotonic clock of the circuit breakers, in milliseconds. */
  readonly monotonicMs?: () => number;
}

/**
 * Creates the client for outgoing calls. A process must create only one, because circuit breakers, connections and
 * limits apply to the calls of one client.
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

/** Returns the tenant of a correlation ID, which is the part before the first colon. */
function tenantOf(correlationId: string): string {
  return correlationId.slice(0, Math.max(0, correlationId.indexOf(':')));
}

/** Logs a call. Of the URL, only the origin is logged, because the path and the query often contain secrets. */
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

/** Waits until all calls have ended. After `outboundLimits.drainMs`, it aborts the calls that are still running. */
async function endCalls(calls: ReadonlyMap<AbortController, Promise<unknown>>): Promise<void> {
  const all = Promise.allSettled(calls.values());
  const timer = setTimeout(() => {
    for (const abort of calls.keys()) abort.abort();
  }, outboundLimits.drainMs);
  await all;
  clearTimeout(timer);
}
