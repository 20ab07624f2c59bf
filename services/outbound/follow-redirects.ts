import { later, refused } from './answers.ts';
import type { CircuitBreakers } from './circuit-breaker.ts';
import { exchange, type ExchangeBounds } from './exchange.ts';
import type { Exchanged, Redirected } from './exchanged.ts';
import { nextHop, type Hop } from './hop.ts';
import type { OutboundAnswer } from './contract.ts';

export interface Course extends ExchangeBounds {
  readonly breakers: CircuitBreakers;
  readonly tenant: string;
  readonly maxRedirects: number;
}

/** The call's answer, and for the log how it came about. */
export interface Followed {
  readonly answer: OutboundAnswer;
  readonly origin: string;
  readonly redirects: number;
  readonly cause: string | undefined;
}

/** Sends the request and whatever its redirects lead to, each of them as if it were the first: breaker, address and name. */
export async function followRedirects(first: Hop, course: Course): Promise<Followed> {
  let hop = first;
  for (let redirects = 0; ; redirects++) {
    const { result, cause } = await admittedExchange(hop, course);
    const { origin } = hop.url;
    if (result.kind !== 'redirected') return { answer: result, origin, redirects, cause };
    const next = redirects < course.maxRedirects ? nextHop(hop, result.status, result.location) : TOO_MANY;
    if ('problem' in next)
      return { answer: refusedRedirect(hop, result, next.problem), origin, redirects, cause };
    hop = next.hop;
  }
}

const TOO_MANY = { problem: 'one redirect too many' };

function refusedRedirect({ url }: Hop, { status }: Redirected, problem: string): OutboundAnswer {
  return refused(url, status, `answered ${status}, a redirect that is not followed: ${problem}`);
}

/**
 * The breaker is that of the tenant's calls to the origin. One for all tenants would notice a failing provider sooner, and would let any
 * tenant with a page there that answers 500 keep the others' calls from leaving.
 */
async function admittedExchange(hop: Hop, course: Course): Promise<Exchanged> {
  const admission = course.breakers.admit(`${course.tenant} ${hop.url.origin}`);
  if (admission.kind === 'open') {
    const what = 'not called, since it has been failing';
    const { retryAfterMs } = admission;
    return { result: later(hop.url, what, { retryAfterMs }), health: 'unknown', cause: 'breaker' };
  }
  let health: Exchanged['health'] = 'unknown';
  try {
    const exchanged = await exchange(hop, course);
    ({ health } = exchanged);
    return exchanged;
  } finally {
    admission.end(health);
  }
}
