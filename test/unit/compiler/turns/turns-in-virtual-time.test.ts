import { describe, expect, test } from 'vitest';

import { compileLimits } from '../../../../core/limits/compile-limits.ts';
import { processLimits } from '../../../../services/compiler/limits.ts';
import { fairQueue } from '../../../../services/compiler/turns/fair-queue.ts';
import { evictionOf } from '../../../../services/compiler/turns/place-compilation.ts';
import { tenantStandings } from '../../../../services/compiler/turns/tenant-standings.ts';

const { sliceMs, longMs, quickPerSlow, timeoutMs } = compileLimits;
const { checkMs } = processLimits;

interface Start {
  readonly tenant: string;
  readonly atMs: number;
}

/** The compiler's queue and limits, with a virtual clock that advances only when all compilations wait for it. */
function virtualCompiler(threads: number = compileLimits.threads) {
  let nowMs = 1;
  const timers: { readonly atMs: number; readonly wake: () => void }[] = [];
  const standings = tenantStandings(compileLimits, () => nowMs);
  const queue = fairQueue(
    { ...compileLimits, threads, queued: 100_000, queuedPerTenant: 1_000 },
    { standingOf: standings.of, quickPerSlow },
  );
  const starts: Start[] = [];
  const sleep = (ms: number): Promise<void> =>
    new Promise((wake) => {
      timers.push({ atMs: nowMs + ms, wake });
    });
  /** A compilation that takes `takesMs` each time it starts. */
  const compile = (tenant: string, takesMs: number): Promise<unknown> =>
    queue.run(tenant, async (place) => {
      starts.push({ tenant, atMs: nowMs });
      for (let usedMs = 0; usedMs < Math.min(takesMs, timeoutMs);) {
        const stepMs = Math.min(checkMs, takesMs - usedMs);
        await sleep(stepMs);
        usedMs += stepMs;
        const as = evictionOf(tenant, place, usedMs, { standings, limits: compileLimits });
        if (as !== null && usedMs < takesMs) return { runAgainAs: as };
      }
      return 'ended';
    });
  const passUntil = async (work: Promise<unknown>): Promise<number> => {
    const state = { isOver: false };
    void work.then(() => (state.isOver = true));
    for (;;) {
      await settled();
      if (state.isOver) return nowMs;
      const next = timers.toSorted((one, other) => one.atMs - other.atMs)[0];
      if (!next) throw new Error('compilations wait, but none is running');
      timers.splice(timers.indexOf(next), 1);
      nowMs = next.atMs;
      next.wake();
    }
  };
  return { compile, passUntil, starts, standings, now: () => nowMs };
}

/** Waits until every compilation that can start has started. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const named = (name: string, tenants: number): string[] =>
  Array.from({ length: tenants }, (_, nth) => `${name}-${nth}`);

describe('for the first quick compilation of a tenant,', () => {
  test.each([1, 2])(
    'at most one slow compilation starts before a waiting quick one when there are %i slots',
    async (threads) => {
      const { compile, passUntil, starts, standings, now } = virtualCompiler(threads);
      const slow = named('slow', 30);
      for (const tenant of slow) standings.mark(tenant, 'slow');
      for (const tenant of slow) for (let nth = 0; nth < 5; nth++) void compile(tenant, longMs - checkMs);
      const quick = named('quick', 60);
      for (const tenant of quick) for (let nth = 0; nth < 10; nth++) void compile(tenant, sliceMs - 1);
      await settled();
      const cameAt = now();
      const before = starts.length;
      await passUntil(compile('honest', 100));
      const own = starts.findIndex(({ tenant }) => tenant === 'honest');
      const overtakers = starts.slice(before, own).filter(({ tenant }) => tenant.startsWith('slow'));
      expect(overtakers).toHaveLength(1);
      // The maximum wait: the compilation that is running, the one that may overtake, and one slice of each quick
      // tenant.
      const waitedMs = (starts[own]?.atMs ?? Infinity) - cameAt;
      expect(waitedMs).toBeLessThanOrEqual(2 * longMs + quick.length * sliceMs);
    },
  );

  test('a quick compilation waits at most one time slice for each hostile tenant ahead of it', async () => {
    const { compile, passUntil, starts, now } = virtualCompiler();
    const hostile = named('hostile', 20);
    for (const tenant of hostile) for (let nth = 0; nth < 5; nth++) void compile(tenant, timeoutMs);
    const cameAt = now();
    await passUntil(compile('honest', 100));
    const own = starts.find(({ tenant }) => tenant === 'honest');
    expect((own?.atMs ?? Infinity) - cameAt).toBeLessThanOrEqual(hostile.length * (sliceMs + checkMs));
  });
});

describe('for a slow compilation,', () => {
  test('the number of quick compilations that start before a slow one depends on the number of tenants, not on the length of their queues', async () => {
    const { compile, passUntil, starts, standings } = virtualCompiler(1);
    const quick = named('quick', 12);
    standings.mark('slow', 'slow');
    for (const tenant of quick) for (let nth = 0; nth < 40; nth++) void compile(tenant, 100);
    const all = Array.from({ length: 3 }, () => compile('slow', 2_000));
    await passUntil(Promise.all(all));
    const at = starts.flatMap(({ tenant }, nth) => (tenant === 'slow' ? [nth] : []));
    expect(at).toHaveLength(3);
    for (const [nth, index] of at.entries())
      expect(index - (at[nth - 1] ?? 0)).toBeLessThanOrEqual(quick.length + quickPerSlow + 1);
  });

  test('a compilation that takes longer than its time slice while others wait is restarted as a slow one, and finishes', async () => {
    const { compile, passUntil, starts, standings } = virtualCompiler(1);
    const honest = compile('honest', 2_000);
    for (const tenant of named('quick', 12)) for (let nth = 0; nth < 10; nth++) void compile(tenant, 100);
    await passUntil(honest);
    expect(standings.of('honest')).toBe('slow');
    expect(starts.filter(({ tenant }) => tenant === 'honest')).toHaveLength(2);
  });
});
