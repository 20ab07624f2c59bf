import { LRUCache } from 'lru-cache';

/** What a call showed about the provider. `alive`: it works, even if it rejected the call. */
export type Health = 'alive' | 'failing' | 'unknown';

export type Admission =
  /** `end` must be called exactly once, for every outcome of the call. */
  | { readonly kind: 'admitted'; end(health: Health): void }
  /** `retryAfterMs` is null while a probe call is running. */
  | { readonly kind: 'open'; readonly retryAfterMs: number | null };

export interface BreakerOptions {
  readonly failures: number;
  readonly openMs: number;
  readonly remembered: number;
  /** A monotonic clock: a clock that goes back would keep a breaker open. */
  readonly monotonicMs: () => number;
}

export interface CircuitBreakers {
  admit(key: string): Admission;
}

interface Breaker {
  /** Consecutive failures. */
  failures: number;
  /** Null while closed. After this time the breaker is half-open: it admits one call at a time as a probe. */
  openUntil: number | null;
  probing: boolean;
}

/**
 * One circuit breaker per key. After a number of consecutive failures it admits no calls for a while. Then
 * one call probes, and its success closes the breaker. Only failing keys are stored, so that a healthy key
 * costs nothing.
 */
export function circuitBreakers(options: BreakerOptions): CircuitBreakers {
  /**
   * Only a failure counts as a use (hence `peek`), so that the key with the oldest failure is evicted first.
   */
  const breakers = new LRUCache<string, Breaker>({ max: options.remembered });

  const failed = (key: string, breaker: Breaker): void => {
    breaker.failures++;
    if (breaker.failures >= options.failures) breaker.openUntil = options.monotonicMs() + options.openMs;
    breakers.set(key, breaker);
  };

  // The result of a call that started before the breaker opened is no evidence of the current state.
  const endCall = (key: string, health: Health): void => {
    const breaker = breakers.peek(key) ?? { failures: 0, openUntil: null, probing: false };
    if (breaker.openUntil !== null || health === 'unknown') return;
    if (health === 'alive') breakers.delete(key);
    else failed(key, breaker);
  };

  const endProbe = (key: string, breaker: Breaker, health: Health): void => {
    breaker.probing = false;
    // Evicted in the meantime: the next call shows the state again.
    if (breakers.peek(key) !== breaker) return;
    if (health === 'alive') breakers.delete(key);
    else if (health === 'failing') failed(key, breaker);
  };

  return {
    admit(key) {
      const breaker = breakers.peek(key);
      if (breaker === undefined || breaker.openUntil === null) {
        return { kind: 'admitted', end: (health) => endCall(key, health) };
      }
      const leftMs = breaker.openUntil - options.monotonicMs();
      if (leftMs > 0) return { kind: 'open', retryAfterMs: Math.ceil(leftMs) };
      if (breaker.probing) return { kind: 'open', retryAfterMs: null };
      breaker.probing = true;
      return { kind: 'admitted', end: (health) => endProbe(key, breaker, health) };
    },
  };
}
