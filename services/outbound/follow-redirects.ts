import { later, refused } from './results.ts';
import type { CircuitBreakers } from './circuit-breaker.ts';
import { exchange, type ExchangeBounds } from './exchange.ts';
import type { Exchanged, Redirected } from './exchanged.ts';
import { nextHop, type Hop } from './hop.ts';
import type { OutboundResult } from './contract.ts';

export interface RedirectOptions extends ExchangeBounds {
  readonly breakers: CircuitBreakers;
  readonly tenant: string;
  readonly maxRedirects: number;
}

/** The result of a call, with details for the log. */
export interface Followed {
  readonly answer: OutboundResult;
  readonly origin: string;
  readonly redirects: number;
  readonly cause: string | undefined;
}

/**
 * Sends a request and follows its redirects. The circuit breaker, the name and the address are checked for each
 * request.
 */
export async function followRedirects(first: Hop, options: RedirectOptions): Promise<Followed> {
  let hop = first;
  for (let redirects = 0; ; redirects++) {
    const { result, cause } = await admittedExchange(hop, options);
    const { origin } = hop.url;
    if (result.kind !== 'redirected') return { answer: result, origin, redirects, cause };
    const next = redirects < options.maxRedirects ? nextHop(hop, result.status, result.location) : TOO_MANY;
    if ('problem' in next)
      return { answer: refusedRedirect(hop, result, next.problem), origin, redirects, cause };
    hop = next.hop;
  }
}

const TOO_MANY = { problem: 'too many redirects' };

function refusedRedirect({ url }: Hop, { status }: Redirected, problem: string): OutboundResult {
  return refused(url, status, `answered ${status}, a redirect that is not followed: ${problem}`);
}

/**
 * Sends one request if the circuit breaker admits it. Each combination of tenant and origin has its own breaker. A
 * breaker for all tenants would detect a failing server sooner. However, a tenant could then cause 500 responses on
 * an origin to block the calls of other tenants.
 */
async function admittedExchange(hop: Hop, options: RedirectOptions): Promise<Exchanged> {
  const admission = options.breakers.admit(`${options.tenant} ${hop.url.origin}`);
  if (admission.kind === 'open') {
    const what = 'not called, because its recent calls failed';
    const { retryAfterMs } = admission;
    return { result: later(hop.url, what, { retryAfterMs }), health: 'unknown', cause: 'breaker' };
  }
  let health: Exchanged['health'] = 'unknown';
  try {
    const exchanged = await exchange(hop, options);
    ({ health } = exchanged);
    return exchanged;
  } finally {
    admission.end(health);
  }
}
