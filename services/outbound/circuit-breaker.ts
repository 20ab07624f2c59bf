import { LRUCache } from 'lru-cache';

/** The state of the provider, as one call showed it. `alive` means that it works, even if it rejected the call. */
export type Health = 'alive' | 'failing' | 'unknown';

export type Admission =
  /** The caller must call `end` exactly once, whatever the outcome of the call. */
  | { readonly kind: 'admitted'; end(health: Health): void }
  /** `retryAfterMs` is null while a probe call is running. */
  | { readonly kind: 'open'; readonly retryAfterMs: number | null };

export interface BreakerOptions {
  readonly failures: number;
  readonly openMs: number;
  readonly remembered: number;
  /** A monotonic clock. A clock that was set back would keep a breaker open. */
  readonly monotonicMs: () => number;
}

export interface CircuitBreakers {
  admit(key: string): Admission;
}

interface Breaker {
  /** The number of consecutive failures. */
  failures: number;
  /**
   * Null while the breaker is closed. After this time the breaker is half-open: it admits one call at a time as a
   * probe.
   */
  openUntil: number | null;
  probing: boolean;
}

/**
 * Creates one circuit breaker per key. After a number of consecutive failures, a breaker admits no calls for some time.
 * It then admits one call as a probe, and closes if that call succeeds. Only failing keys are stored, so that a healthy
 * key uses no memory.
 */
export function circuitBreakers(options: BreakerOptions): CircuitBreakers {
  /**
   * Reads use `peek`, so that only a failure counts as a use. The key with the oldest failure is therefore evicted
   * first.
   */
  const breakers = new LRUCache<string, Breaker>({ max: options.remembered });

  const failed = (key: string, breaker: Breaker): void => {
    breaker.failures++;
    if (breaker.failures >= options.failures) breaker.openUntil = options.monotonicMs() + options.openMs;
    breakers.set(key, breaker);
  };

  // Ignores the result of a call that started before the breaker opened, because it does not show the current state.
  const endCall = (key: string, health: Health): void => {
    const breaker = breakers.peek(key) ?? { failures: 0, openUntil: null, probing: false };
    if (breaker.openUntil !== null || health === 'unknown') return;
    if (health === 'alive') breakers.delete(key);
    else failed(key, breaker);
  };

  const endProbe = (key: string, breaker: Breaker, health: Health): void => {
    breaker.probing = false;
    // The breaker was evicted in the meantime. The next call shows the state of the provider.
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
