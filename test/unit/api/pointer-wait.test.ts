import { afterEach, expect, test } from 'vitest';

import type { PointerId } from '../../../packages/protocol/identifiers.ts';
import type { Pointer } from '../../../packages/protocol/moves/pointer.ts';
import { pointerEvents } from '../../../services/api/channels/pointer-events.ts';
import { waitForMove } from '../../../services/api/channels/pointer-wait.ts';
import { Watches } from '../../../services/api/watches/watches.ts';
import { eventually } from '../../support/runs/eventually.ts';

const id: PointerId = { tenant: 'acme', bundle: 'bot', channel: 'live' };
const WAIT_MS = 60_000;

function pointerAt(generation: number): Pointer {
  return { version: 1, digest: null, generation, hold: null, movedAt: null };
}

/** A watched pointer. Each load reads the pointer when it starts, and returns it when the test ends the load. */
function watched() {
  const record = { generation: 5 };
  const loads: (() => void)[] = [];
  let wake = (): void => {};
  const pointers = new Watches<PointerId, Pointer | null>({
    keyOf: ({ channel }) => channel,
    tenantOf: ({ tenant }) => tenant,
    load: async (_tenant, keys) => {
      const found = keys.map(() => pointerAt(record.generation));
      await new Promise<void>((end) => void loads.push(end));
      return found;
    },
    perLoad: 10,
    isSame: (before, now) => before?.generation === now?.generation,
    subscribe: (_key, callback) => {
      wake = callback;
      return () => {};
    },
    recheckMs: 1_000_000,
  });
  const endLoad = async (nth: number): Promise<void> => {
    await eventually(async () => loads.length > nth, { what: `load ${nth} began` });
    loads[nth]?.();
  };
  return { record, pointers, endLoad, wake: () => wake() };
}

let end = new AbortController();
afterEach(() => {
  end.abort();
  end = new AbortController();
});

const draining = new AbortController().signal;
const waiting = (pointers: Watches<PointerId, Pointer | null>, known: number) =>
  waitForMove({ pointers, draining }, id, {
    ifNoneMatch: `"${known}"`,
    waitMs: WAIT_MS,
    signal: end.signal,
  });
const generationOf = async (response: Promise<Response | null>): Promise<number | undefined> => {
  const pointer = (await (await response)?.json()) as Pointer | undefined;
  return pointer?.generation;
};

test('a long-poll that begins while the store is being read does not get the older pointer that this read returns', async () => {
  const { record, pointers, endLoad, wake } = watched();
  const before = waiting(pointers, 5);
  record.generation = 6;
  const knowsSix = waiting(pointers, 6);
  await endLoad(0);
  await endLoad(1);
  expect(await generationOf(before)).toBe(6);
  record.generation = 7;
  wake();
  await endLoad(2);
  expect(await generationOf(knowsSix)).toBe(7);
});

test('a long-poll of a missing channel does not wait', async () => {
  const pointers = new Watches<PointerId, Pointer | null>({
    keyOf: ({ channel }) => channel,
    tenantOf: ({ tenant }) => tenant,
    load: async (_tenant, keys) => keys.map(() => null),
    perLoad: 10,
    subscribe: () => () => {},
    recheckMs: 1_000_000,
  });
  expect(await waiting(pointers, 5)).toBeNull();
});

test('an event stream that begins while the store is being read does not begin with the older pointer that this read returns', async () => {
  const { record, pointers, endLoad } = watched();
  const before = pointerEvents(pointers.follow(id, end.signal));
  const first = before.next();
  record.generation = 6;
  const after = pointerEvents(pointers.follow(id, end.signal));
  const second = after.next();
  await endLoad(0);
  await endLoad(1);
  const texts = [(await first).value, (await second).value].map((batch) =>
    new TextDecoder().decode((batch as Uint8Array[])[0]),
  );
  expect(texts.map((text) => text.split('\n')[0])).toEqual(['id: 5', 'id: 6']);
});

test('a long-poll leaves no timer behind after its response, or after its client has disconnected', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
  const before = timers();
  const { record, pointers, endLoad } = watched();
  record.generation = 6;
  const answered = waiting(pointers, 5);
  const left = waiting(pointers, 6);
  await endLoad(0);
  expect((await answered)?.status).toBe(200);
  end.abort();
  expect(await left).toBeNull();
  await endLoad(1);
  expect(timers()).toBe(before);
});
