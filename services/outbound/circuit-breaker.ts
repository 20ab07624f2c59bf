import { LRUCache } from 'lru-cache';

/**
 * What the outcome of a call shows about the server. `alive` means that the server works; it may still have rejected
 * the call.
 */
export type Health = 'alive' | 'failing' | 'unknown';

export type Admission =
  /** The call may start. The caller must call `end` exactly once when the call ends, whatever its outcome. */
  | { readonly kind: 'admitted'; end(health: Health): void }
  /**
   * The call must not start. `retryAfterMs` is null while a probe call is running, because the end of the probe is
   * not known.
   */
  | { readonly kind: 'open'; readonly retryAfterMs: number | null };

export interface BreakerOptions {
  readonly failures: number;
  readonly openMs: number;
  readonly remembered: number;
  /**
   * Returns the time of a monotonic clock, in milliseconds. With a wall clock, a breaker would stay open too long if
   * the clock is set back.
   */
  readonly monotonicMs: () => number;
}

export interface CircuitBreakers {
  admit(key: string): Admission;
}

interface Breaker {
  /** The number of failures since the last success. */
  failures: number;
  /**
   * The time until which the breaker is open. It is null while the breaker is closed. After this time the breaker is
   * half-open: it admits one call at a time as a probe.
   */
  openUntil: number | null;
  probing: boolean;
}

/**
 * Creates circuit breakers, one for each key. A breaker opens after `failures` consecutive failures, and then admits
 * no calls for `openMs`. After that it admits one call as a probe, and closes if the probe succeeds. A breaker is
 * stored only for keys whose last call failed, so other keys use no memory.
 */
export function circuitBreakers(options: BreakerOptions): CircuitBreakers {
  /**
   * The breakers by key. They are read with `peek`, which does not count as a use, so that the key with the oldest
   * failure is evicted first.
   */
  const breakers = new LRUCache<string, Breaker>({ max: options.remembered });

  const failed = (key: string, breaker: Breaker): void => {
    breaker.failures++;
    if (breaker.failures >= options.failures) breaker.openUntil = options.monotonicMs() + options.openMs;
    breakers.set(key, breaker);
  };

  // A call may have started before the breaker opened. Its result is ignored if the breaker is open, because the
  // result is older than the failures that opened it.
  const endCall = (key: string, health: Health): void => {
    const breaker = breakers.peek(key) ?? { failures: 0, openUntil: null, probing: false };
    if (breaker.openUntil !== null || health === 'unknown') return;
    if (health === 'alive') breakers.delete(key);
    else failed(key, breaker);
  };

  const endProbe = (key: string, breaker: Breaker, health: Health): void => {
    breaker.probing = false;
    // The breaker was evicted during the probe. The result is ignored, and the next call is admitted.
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
