import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { tenantLimits } from '../../../core/limits/limits.ts';
import {
  occupySlot,
  type BundleState,
  inFlight,
  NEW_BUNDLE,
  decidePlacement,
  vacateSlot,
  slotOf,
  withSlot,
} from '../../../core/releases/slot.ts';

const source = `sha256:${'0'.repeat(64)}`;

type Step =
  | { readonly do: 'publish'; readonly rule: 'supersede' | 'queue' | 'reject' }
  | { readonly do: 'end' }
  | { readonly do: 'swap' };

const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('publish' as const),
      rule: fc.constantFrom('supersede' as const, 'queue' as const, 'reject' as const),
    }),
    fc.record({ do: fc.constant('end' as const) }),
  ),
  { maxLength: 60 },
);

/** Simulates a tenant that admits, ends and swaps releases, with the functions that the handlers use. */
function run(taken: readonly Step[], check: (state: BundleState, admitted: number[]) => void): void {
  let state = NEW_BUNDLE;
  const admitted: number[] = [];
  for (const step of taken) {
    const slot = slotOf(state, 'live');
    if (step.do === 'publish') {
      const placed = decidePlacement(slot, step.rule);
      if (placed.placement === 'start' || placed.placement === 'queue') {
        const version = state.lastVersion + 1;
        admitted.push(version);
        state = occupySlot(state, 'live', { version, source }, placed.placement);
      }
    } else if (slot.inFlight) {
      const freed = vacateSlot(slot, slot.inFlight.version);
      const [next, ...line] = freed.queue;
      state = withSlot(
        state,
        'live',
        next ? { ...freed, queue: line, inFlight: { version: next.version } } : freed,
      );
    }
    check(state, admitted);
  }
}

describe('the slot of a pointer', () => {
  test('numbers its releases 1, 2, 3, … for any sequence of steps', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        run(taken, (state, admitted) => {
          expect(admitted).toEqual(admitted.map((_version, index) => index + 1));
          expect(state.lastVersion).toBe(admitted.length);
        });
      }),
    );
  });

  test('has a queue only behind a release in flight, and the queued releases are in order and newer than that release', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        run(taken, (state) => {
          const slot = slotOf(state, 'live');
          const line = slot.queue.map((queued) => queued.version);
          expect(line).toEqual(line.toSorted((a, b) => a - b));
          if (line.length > 0) expect(slot.inFlight?.version ?? Infinity).toBeLessThan(line[0] ?? 0);
        });
      }),
    );
  });

  test('replaces the release in flight and all queued releases under the conflict rule "supersede"', () => {
    const slot = {
      inFlight: { version: 3 },
      queue: [
        { version: 4, source },
        { version: 5, source },
      ],
      generation: 7,
    };
    expect(decidePlacement(slot, 'supersede')).toEqual({ placement: 'start', supersedes: [3, 4, 5] });
  });

  test('has a limit on the number of its queued releases', () => {
    const queue = Array.from({ length: tenantLimits.queuedPerPointer }, (_none, index) => ({
      version: index + 2,
      source,
    }));
    const slot = { inFlight: { version: 1 }, queue, generation: 0 };
    expect(decidePlacement(slot, 'queue').placement).toBe('full');
  });

  test('identifies its release only by the version', () => {
    const slot = { inFlight: { version: 3 }, queue: [], generation: 0 };
    expect(inFlight(slot, 3)).not.toBeNull();
    expect(inFlight(slot, 4)).toBeNull();
    expect(vacateSlot(slot, 4)).toEqual(slot);
    expect(vacateSlot(slot, 3).inFlight).toBeNull();
  });
});
