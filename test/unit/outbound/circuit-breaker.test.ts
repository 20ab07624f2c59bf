import { describe, expect, test } from 'vitest';
import {
  circuitBreakers,
  type CircuitBreakers,
  type Health,
} from '../../../services/outbound/circuit-breaker.ts';

const openMs = 30_000;

describe('a breaker', () => {
  test('opens after so many failures in a row, and says for how long', () => {
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

  test('a call that saw nothing of the provider counts for nothing', () => {
    const { breakers } = fresh();
    call(breakers, 'failing', 2);
    call(breakers, 'unknown', 10);
    expect(breakers.admit('a').kind).toBe('admitted');
    call(breakers, 'failing');
    expect(breakers.admit('a').kind).toBe('open');
  });

  test('one of a key says nothing of another', () => {
    const { breakers } = fresh();
    call(breakers, 'failing', 3);
    expect(breakers.admit('b').kind).toBe('admitted');
  });

  test('calls that began before it opened neither close it nor keep it open for longer', () => {
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

describe('a breaker whose time is over', () => {
  test('lets one call through, and the others wait for what it sees', () => {
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

  test('once closed takes as many failures as before to open', () => {
    const { breakers, clock } = opened();
    clock.ms += openMs;
    call(breakers, 'alive');
    call(breakers, 'failing', 2);
    expect(breakers.admit('a').kind).toBe('admitted');
  });

  test('is open for the whole time again when the call fails', () => {
    const { breakers, clock } = opened();
    clock.ms += openMs;
    call(breakers, 'failing');
    expect(breakers.admit('a')).toEqual({ kind: 'open', retryAfterMs: openMs });
    clock.ms += openMs;
    expect(breakers.admit('a').kind).toBe('admitted');
  });

  test('lets the next call find out when that one saw nothing', () => {
    const { breakers, clock } = opened();
    clock.ms += openMs;
    call(breakers, 'unknown');
    expect(breakers.admit('a').kind).toBe('admitted');
    expect(breakers.admit('a').kind).toBe('open');
  });
});

describe('what is remembered', () => {
  test('is bounded: the key that failed longest ago is forgotten first', () => {
    const { breakers } = fresh({ remembered: 2 });
    call(breakers, 'failing', 3, 'a');
    call(breakers, 'failing', 3, 'b');
    call(breakers, 'failing', 3, 'c');
    expect(['a', 'b', 'c'].map((key) => breakers.admit(key).kind)).toEqual(['admitted', 'open', 'open']);
  });

  test('a probe of a forgotten breaker does not touch the one that took its place', () => {
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
