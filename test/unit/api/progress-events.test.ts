import { expect, test } from 'vitest';

import type { ReleaseId } from '../../../packages/protocol/identifiers.ts';
import { followed } from '../../../services/api/watches/followed.ts';
import { Shares } from '../../../services/api/access/shares.ts';
import { UnsentBuffers } from '../../../services/api/access/unsent-bytes.ts';
import { watchLimits } from '../../../services/api/limits.ts';
import { responseShares } from '../../../services/api/access/share-limits.ts';
import { progressEvents } from '../../../services/api/releases/progress-events.ts';
import { NO_EVENT } from '../../../services/api/releases/release-events.ts';
import { eventStreamAnswer } from '../../../services/api/responses/event-stream.ts';
import { Watches } from '../../../services/api/watches/watches.ts';
import type { ReleaseProgress } from '../../../services/postgres/releases/releases.ts';

const AT = '2026-03-01T12:00:00.010Z';
const id: ReleaseId = { tenant: 'acme', bundle: 'bot', version: 1 };

/** Creates a release with that many diagnostics, and counts how often they are encoded as JSON. */
function releaseWith(diagnostics: number) {
  const counted = { encodings: 0 };
  const message = {
    toJSON: () => {
      counted.encodings++;
      return '中'.repeat(2_000);
    },
  } as unknown as string;
  const release = (hasFailed: boolean): ReleaseProgress => ({
    ...id,
    channel: 'live',
    source: `sha256:${'a'.repeat(64)}`,
    status: 'running',
    waitingFor: [],
    digest: null,
    generation: null,
    sameAs: null,
    message: null,
    by: 'admin',
    origin: null,
    notBefore: null,
    policyVersion: 0,
    supersededBy: null,
    createdAt: AT,
    settledAt: null,
    outcome: null,
    verification: null,
    reason: null,
    stage: 'validate',
    effects: [],
    gates: [],
    gateChanges: [],
    stages: [
      {
        stage: 'validate',
        state: hasFailed ? 'failed' : 'running',
        startedAt: AT,
        finishedAt: hasFailed ? AT : null,
        diagnostics: hasFailed
          ? Array.from({ length: diagnostics }, () => ({
              path: 'a.yaml',
              line: 1,
              column: 1,
              pointer: '',
              code: 'x',
              message,
            }))
          : [],
      },
    ],
  });
  return { counted, release };
}

test('an event that many streams send is encoded once into one shared buffer, and is sent to the streams in portions', async () => {
  const STREAMS = 500;
  const DIAGNOSTICS = 18;
  const { counted, release } = releaseWith(DIAGNOSTICS);
  let hasFailed = false;
  let wake = (): void => {};
  const watches = new Watches<ReleaseId, ReleaseProgress | null>({
    keyOf: ({ bundle }) => bundle,
    tenantOf: ({ tenant }) => tenant,
    load: async (_tenant, keys) => keys.map(() => release(hasFailed)),
    perLoad: 20,
    subscribe: (_key, callback) => {
      wake = callback;
      return () => {};
    },
    recheckMs: 1_000_000,
  });
  const end = new AbortController();
  const draining = new AbortController().signal;
  const shares = new Shares(responseShares);
  const buffers = new UnsentBuffers(shares);
  const readers = Array.from({ length: STREAMS }, () => {
    const unsent = buffers.open(['acme', 'ci'], () => 0);
    const stream = { method: 'GET', signal: end.signal, unsent };
    const follow = (signal: AbortSignal) => progressEvents(watches.follow(id, signal), NO_EVENT);
    return eventStreamAnswer(stream, draining, follow).body!.getReader();
  });
  await Promise.all(readers.map((reader) => reader.read()));

  const received: unknown[] = [];
  const failed = Promise.all(readers.map(async (reader) => received.push((await reader.read()).value)));
  await new Promise(setImmediate);
  hasFailed = true;
  wake();
  let most = 0;
  for (let before = 0; received.length < STREAMS; before = received.length) {
    await new Promise(setImmediate);
    most = Math.max(most, received.length - before);
  }
  await failed;
  expect(counted.encodings).toBe(DIAGNOSTICS);
  expect(new Set(received).size).toBe(1);
  expect(shares.held).toBe((received[0] as Uint8Array).byteLength);
  // Two portions of notifications may fall between two observations of the test, so the limit is doubled.
  expect(most).toBeLessThanOrEqual(2 * watchLimits.notifiedPerTurn);
  end.abort();
});

test('a client that resumes an event stream gets the events after the last event that it has received', async () => {
  const { release } = releaseWith(1);
  const records = () => {
    const all = [release(false), release(true)];
    return followed<ReleaseProgress | null>(
      async () => all.shift(),
      () => undefined,
    );
  };
  const text = async (seen: typeof NO_EVENT): Promise<string[]> => {
    const batches: string[] = [];
    const events = progressEvents(records(), seen);
    for (let next = await events.next(); next.done !== true; next = await events.next())
      batches.push(next.value.map((one) => new TextDecoder().decode(one).split('\n')[0]).join(' '));
    return batches;
  };
  expect(await text(NO_EVENT)).toEqual(['id: 1', 'id: 2']);
  expect(await text({ major: 1, minor: 0 })).toEqual(['id: 2']);
});
