import { LRUCache } from 'lru-cache';

/** What an admitted call saw: the provider at work, whatever it answered; the provider failing; or nothing of it. */
export type Health = 'alive' | 'failing' | 'unknown';

export type Admission =
  /** `end` must be called once, whatever becomes of the call. */
  | { readonly kind: 'admitted'; end(health: Health): void }
  /** `retryAfterMs` is null while another call is finding out. */
  | { readonly kind: 'open'; readonly retryAfterMs: number | null };

export interface BreakerOptions {
  readonly failures: number;
  readonly openMs: number;
  readonly remembered: number;
  /** Never goes back: a clock that does would keep a breaker open. */
  readonly monotonicMs: () => number;
}

export interface CircuitBreakers {
  admit(key: string): Admission;
}

interface Breaker {
  /** In a row. */
  failures: number;
  /** Null while closed. Past that moment the breaker is half open: one call at a time is admitted, and decides. */
  openUntil: number | null;
  probing: boolean;
}

/**
 * A circuit breaker for each key. After so many failures in a row nobody is admitted for a while; then one call tries, and its success
 * closes the breaker again. Only keys that fail are remembered, so that a healthy one costs nothing.
 */
export function circuitBreakers(options: BreakerOptions): CircuitBreakers {
  /** Only a failure counts as a use (hence `peek`): the one that failed longest ago is evicted first. */
  const breakers = new LRUCache<string, Breaker>({ max: options.remembered });

  const failed = (key: string, breaker: Breaker): void => {
    breaker.failures++;
    if (breaker.failures >= options.failures) breaker.openUntil = options.monotonicMs() + options.openMs;
    breakers.set(key, breaker);
  };

  // A call that began before the breaker opened says nothing of now, neither for good nor for bad.
  const endOrdinary = (key: string, health: Health): void => {
    const breaker = breakers.peek(key) ?? { failures: 0, openUntil: null, probing: false };
    if (breaker.openUntil !== null || health === 'unknown') return;
    if (health === 'alive') breakers.delete(key);
    else failed(key, breaker);
  };

  const endProbe = (key: string, breaker: Breaker, health: Health): void => {
    breaker.probing = false;
    // Forgotten meanwhile: what the probe saw is told by the next call.
    if (breakers.peek(key) !== breaker) return;
    if (health === 'alive') breakers.delete(key);
    else if (health === 'failing') failed(key, breaker);
  };

  return {
    admit(key) {
      const breaker = breakers.peek(key);
      if (breaker === undefined || breaker.openUntil === null) {
        return { kind: 'admitted', end: (health) => endOrdinary(key, health) };
      }
      const leftMs = breaker.openUntil - options.monotonicMs();
      if (leftMs > 0) return { kind: 'open', retryAfterMs: Math.ceil(leftMs) };
      if (breaker.probing) return { kind: 'open', retryAfterMs: null };
      breaker.probing = true;
      return { kind: 'admitted', end: (health) => endProbe(key, breaker, health) };
    },
  };
}
