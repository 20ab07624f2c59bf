import { TerminalError, type WorkflowContext } from '@restatedev/restate-sdk';
import { expect, test } from 'vitest';

import { releaseLimits } from '../../../core/limits/limits.ts';
import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import type { SwapResult } from '../../../handlers/contract/tenant.ts';
import type { Deps } from '../../../handlers/ports/deps.ts';

import { swapThroughGates } from '../../../handlers/release/swap-through-gates.ts';

// Tests waits that take hours. A real Restate can't skip them, so this test replaces Restate's context with one whose
// clock jumps.

const hour = 3_600_000;
const id = { tenant: 'acme', bundle: 'bundle', version: 1 };

interface Step {
  readonly answer: SwapResult;
  /** How long the swap takes until it responds, by the clock of the context. */
  readonly tookMs?: number;
}

const unavailable: Step = { answer: { kind: 'unavailable' } };
const down: Step = { answer: { kind: 'sinks_down', sinks: [{ sink: 'audit', known: true, why: 'away' }] } };
const moved: Step = { answer: { kind: 'moved', generation: 1, seq: 1 } };

/** Requests the swap until one of the given results ends the wait. Each check finds the sink down. */
async function swapped(steps: readonly Step[]): ReturnType<typeof swapThroughGates> {
  let nowMs = 0;
  const left = [...steps];
  const ctx = {
    client: () => ({
      swap: () => {
        const step = left.shift();
        if (step === undefined) throw new TerminalError('there are more calls than answers in the test');
        nowMs += step.tookMs ?? 0;
        return Promise.resolve(step.answer);
      },
    }),
    date: { now: () => Promise.resolve(nowMs) },
    sleep: (ms: number) => {
      nowMs += ms;
      return Promise.resolve();
    },
    run: (_name: string, work: () => Promise<unknown>) => work(),
    rand: { random: () => 0.5 },
    set: () => {},
    clear: () => {},
  } as unknown as WorkflowContext;
  const sinks = { checkHealth: () => Promise.resolve([{ sink: 'audit', why: 'away' }]) };
  const gates = { evaluate: () => Promise.resolve({ kind: 'passed' }) };
  const deps = { sinks, gates, clock: { now: () => nowMs } } as unknown as Deps;
  return swapThroughGates(ctx, deps, id, { channel: 'live', gated: false }, () => {});
}

test('a release does not end after two short store outages, one before and one after a long wait for a sink', async () => {
  const long = { ...down, tookMs: releaseLimits.swapWaitMs + hour };
  expect(await swapped([unavailable, long, unavailable, moved])).toEqual({
    kind: 'settled',
    result: { outcome: 'published', reason: null },
  });
});

test('a release does not end after two short sink outages, one before and one after a long wait for a gate', async () => {
  const gates: Step = { answer: { kind: 'gates_open' }, tookMs: sinkLimits.freezeMs + hour };
  expect(await swapped([down, gates, down, moved])).toEqual({
    kind: 'settled',
    result: { outcome: 'published', reason: null },
  });
});

test('a release ends after a long outage of the store, and after a long outage of a sink', async () => {
  const stillUnavailable = { ...unavailable, tookMs: releaseLimits.swapWaitMs };
  expect(await swapped([unavailable, stillUnavailable])).toMatchObject({
    outcome: 'errored',
    reason: 'the store was unavailable for longer than a release waits',
  });
  const stillDown = { ...down, tookMs: sinkLimits.freezeMs };
  expect(await swapped([down, stillDown])).toMatchObject({
    outcome: 'errored',
    reason: expect.stringContaining('the sink "audit" was down (away), for longer than a release waits'),
  });
});
