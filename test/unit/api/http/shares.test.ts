import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type Holding, type ShareLimits, Shares } from '../../../../services/api/access/shares.ts';

const CAPACITY = 1_000;
const MINIMUM = 10;
const RESERVED = 0.25;
const COMMON = CAPACITY * (1 - RESERVED);

const byTenant: ShareLimits = {
  capacity: CAPACITY,
  levels: [{ minimum: MINIMUM, reserved: RESERVED }],
};
const byTenantAndToken: ShareLimits = {
  capacity: CAPACITY,
  levels: [
    { minimum: MINIMUM, reserved: RESERVED },
    { minimum: 2, reserved: RESERVED },
  ],
};

/** Takes one unit at a time until the share is exhausted, and returns how many it got. */
function takeAll(shares: Shares, ...path: string[]): number {
  let got = 0;
  for (const holding = shares.open(path); isTaken(holding, 1);) got++;
  return got;
}

function isTaken(holding: Holding, amount: number): boolean {
  try {
    holding.take(amount);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'busy' });
    return false;
  }
}

describe('in a shared resource,', () => {
  test('one holder gets at most half, two get three quarters together, and each further one gets half of the rest', () => {
    const shares = new Shares(byTenant);
    expect(takeAll(shares, 'a')).toBe(COMMON / 2);
    expect(Math.abs(takeAll(shares, 'b') - COMMON / 4)).toBeLessThan(1);
    expect(Math.abs(takeAll(shares, 'c') - COMMON / 8)).toBeLessThan(1);
    expect(takeAll(shares, 'a')).toBe(0);
    expect(takeAll(shares, 'd')).toBeGreaterThanOrEqual(MINIMUM);
  });

  test('a holder gets its guaranteed minimum even when other holders have everything that is not reserved', () => {
    const shares = new Shares(byTenant);
    for (let greedy = 0; greedy < 10; greedy++) takeAll(shares, `greedy-${greedy}`);
    for (let late = 0; late < 15; late++) expect(takeAll(shares, `late-${late}`)).toBe(MINIMUM);
  });

  test('a released amount can be taken by other holders, and releasing it a second time has no effect', () => {
    const shares = new Shares(byTenant);
    const first = shares.open(['a']);
    first.take(300);
    expect(shares.room(['b'])).toBe((COMMON - 300) / 2);
    first.release();
    first.release();
    expect([shares.held, shares.room(['b'])]).toEqual([0, COMMON / 2]);
  });

  test('a token does not use up the share of the other tokens of its tenant', () => {
    const shares = new Shares(byTenantAndToken);
    const greedy = takeAll(shares, 'a', 'greedy');
    const other = takeAll(shares, 'a', 'other');
    expect(other).toBeGreaterThan(greedy / 3);
    expect(takeAll(shares, 'b', 'greedy')).toBeGreaterThan(greedy / 3);
  });

  test('a holder can have the name of a property that every JavaScript object inherits', () => {
    const shares = new Shares(byTenant);
    for (const name of Object.getOwnPropertyNames(Object.prototype)) shares.open([name]).take(1);
    expect(shares.held).toBe(Object.getOwnPropertyNames(Object.prototype).length);
  });
});

/** Sequences that take and release units in any order. */
const steps = fc.array(
  fc.record({
    tenant: fc.integer({ min: 0, max: 8 }),
    token: fc.integer({ min: 0, max: 3 }),
    amount: fc.oneof(fc.constant('release' as const), fc.integer({ min: 1, max: CAPACITY })),
  }),
  { maxLength: 200 },
);

describe.each([
  ['with one level', byTenant],
  ['with tokens inside of tenants', byTenantAndToken],
])('in a shared resource %s, after any sequence of takes and releases,', (_what, limits) => {
  test('one holder has at most half of the unreserved capacity, a pair has at most three quarters, and all holders together have at most the whole capacity', () => {
    everyState(limits, ({ held, shares }) => {
      const [first = 0, second = 0] = [...held.values()].toSorted((a, b) => b - a);
      expect(first).toBeLessThanOrEqual(COMMON / 2);
      expect(first + second).toBeLessThanOrEqual((3 * COMMON) / 4 + MINIMUM);
      expect(shares.held).toBeLessThanOrEqual(CAPACITY);
      expect(shares.held).toBe([...held.values()].reduce((sum, one) => sum + one, 0));
    });
  });

  test('a holder that holds nothing can always get its guaranteed minimum while the reserve covers all holders', () => {
    everyState(limits, ({ held, shares }) => {
      const holders = [...held.values()].filter((one) => one > 0).length;
      expect(holders).toBeLessThan((CAPACITY * RESERVED) / MINIMUM);
      const minimum = limits.levels.at(-1)?.minimum ?? 0;
      expect(shares.room(['newcomer', 'newcomer'])).toBeGreaterThanOrEqual(minimum);
    });
  });

  interface State {
    readonly shares: Shares;
    /** The number of held units by tenant. */
    readonly held: ReadonlyMap<number, number>;
  }

  function everyState(of: ShareLimits, check: (state: State) => void): void {
    fc.assert(
      fc.property(steps, (taken) => {
        const shares = new Shares(of);
        const held = new Map<number, number>();
        const holdings = new Map<string, { holding: Holding; own: number }>();
        for (const { tenant, token, amount } of taken) {
          const path = [`tenant-${tenant}`, `token-${token}`];
          const one = holdings.get(path.join('/')) ?? { holding: shares.open(path), own: 0 };
          holdings.set(path.join('/'), one);
          const before = held.get(tenant) ?? 0;
          if (amount === 'release') {
            one.holding.release();
            held.set(tenant, before - one.own);
            one.own = 0;
          } else if (isTaken(one.holding, amount)) {
            held.set(tenant, before + amount);
            one.own += amount;
          }
          check({ shares, held });
        }
      }),
    );
  }
});
