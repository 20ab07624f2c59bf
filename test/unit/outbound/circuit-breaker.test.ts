import { describe, expect, test } from 'vitest';
import {
  circuitBreakers,
  type CircuitBreakers,
  type Health,
} from '../../../services/outbound/circuit-breaker.ts';

const openMs = 30_000;

describe('a circuit breaker', () => {
  test('opens after consecutive failures, and returns the remaining time until a trial', () => {
    const { breakers, clock } = fresh();
    call(breakers, 'failing', 3);
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: openMs });
    clock.ms += 12_000.5;
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: 18_000 });
  });

  test('stays closed while successes come between the failures', () => {
    const { breakers } = fresh();
    for (let round = 0; round < 10; round++) {
      call(breakers, 'failing', 2);
      call(breakers, 'alive');
    }
    expect(breakers.admit('a').kind).toBe('admitted');
  });

  test('does not count a call that shows nothing about the health of the provider', () => {
    const { breakers } = fresh();
    call(breakers, 'failing', 2);
    call(breakers, 'unknown', 10);
    expect(breakers.admit('a').kind).toBe('admitted');
    call(breakers, 'failing');
    expect(breakers.admit('a').kind).toBe('open');
  });

  test('for one key does not affect the circuit breaker of another key', () => {
    const { breakers } = fresh();
    call(breakers, 'failing', 3);
    expect(breakers.admit('b').kind).toBe('admitted');
  });

  test('is not closed or extended by the end of a call that began before the breaker opened', () => {
    const { breakers, clock } = fresh();
    const early = [breakers.admit('a'), breakers.admit('a')];
    call(breakers, 'failing', 3);
    clock.ms += 10_000;
    end(early[0]!, 'alive');
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: 20_000 });
    end(early[1]!, 'failing');
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: 20_000 });
  });
});

describe('a circuit breaker whose open time has passed', () => {
  test('admits one trial call, and no other call until the trial ends', () => {
    const { breakers, clock } = opened();
    clock.ms += openMs;
    const probe = breakers.admit('a');
    expect(probe.kind).toBe('admitted');
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: null });
    clock.ms += openMs * 10;
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: null });
    end(probe, 'alive');
    expect([breakers.admit('a').kind, breakers.admit('a').kind]).toEqual(['admitted', 'admitted']);
  });

  test('opens only after the full number of failures once it has closed again', () => {
    const { breakers, clock } = opened();
    clock.ms += openMs;
    call(breakers, 'alive');
    call(breakers, 'failing', 2);
    expect(breakers.admit('a').kind).toBe('admitted');
  });

  test('opens for the whole time again when the trial fails', () => {
    const { breakers, clock } = opened();
    clock.ms += openMs;
    call(breakers, 'failing');
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: openMs });
    clock.ms += openMs;
    expect(breakers.admit('a').kind).toBe('admitted');
  });

  test('admits another trial when the first one shows nothing about the health of the provider', () => {
    const { breakers, clock } = opened();
    clock.ms += openMs;
    call(breakers, 'unknown');
    expect(breakers.admit('a').kind).toBe('admitted');
    expect(breakers.admit('a').kind).toBe('open');
  });
});

describe('the memory of circuit breakers', () => {
  test('is bounded, and forgets the key with the oldest failure first', () => {
    const { breakers } = fresh({ remembered: 2 });
    call(breakers, 'failing', 3, 'a');
    call(breakers, 'failing', 3, 'b');
    call(breakers, 'failing', 3, 'c');
    expect(['a', 'b', 'c'].map((key) => breakers.admit(key).kind)).toEqual(['admitted', 'open', 'open']);
  });

  test('lets the trial of a forgotten breaker end without an effect on a new breaker of the same key', () => {
    const { breakers, clock } = fresh({ remembered: 1 });
    call(breakers, 'failing', 3, 'a');
    clock.ms += openMs;
    const probe = breakers.admit('a');
    call(breakers, 'failing', 3, 'b');
    call(breakers, 'failing', 3, 'a');
    end(probe, 'alive');
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: openMs });
  });
});

interface Fresh {
  readonly breakers: CircuitBreakers;
  readonly clock: { ms: number };
}

function fresh({ remembered = 100 } = {}): Fresh {
  const clock = { ms: 5 };
  return {
    breakers: circuitBreakers({ failures: 3, openMs, remembered, monotonicMs: () => clock.ms }),
    clock,
  };
}

function opened(): Fresh {
  const made = fresh();
  call(made.breakers, 'failing', 3);
  return made;
}

function call(breakers: CircuitBreakers, health: Health, times = 1, key = 'a'): void {
  for (let time = 0; time < times; time++) end(breakers.admit(key), health);
}

function end(admission: ReturnType<CircuitBreakers['admit']>, health: Health): void {
  if (admission.kind !== 'admitted') throw new Error('not admitted');
  admission.end(health);
}
