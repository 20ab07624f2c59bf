// This file is not part of the replay run, because it depends on clocks. sinks-brokers.test.ts runs the same handlers
// with Restate replaying.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { releaseKey } from '../../../packages/protocol/identifiers.ts';
import { type Broker, BROKERS } from '../../../packages/protocol/sinks/sink.ts';
import type { ReleaseRecord } from '../../../services/postgres/releases/releases.ts';
import { startRabbitmq, startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { type ControlPlane, settled, startControlPlane } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { type FreezingStream, freezingStream } from '../../support/servers/freezing-stream.ts';
import { bindAudit } from '../../support/worlds/moved-fleet.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { sinkOf } from '../../support/worlds/sink-world.ts';
import { type SilentProxy, startSilentProxy } from '../../support/servers/silent-proxy.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';
import { isDeep } from '../../support/runs/deep.ts';

/**
 * The maximum time from the recovery of the broker until a waiting release moves its pointer. It takes about two
 * seconds on an idle machine, and ten times as long for forty swaps on a busy one.
 */
const WOKEN_WITHIN_MS = 20_000;
/**
 * The maximum time between the check of the broker's health and the insertion of the move. Both happen in one
 * transaction that already holds all its locks.
 */
const CHECK_TO_ROW_MS = 500;
/**
 * The maximum time from the first move after the start of the outage until the failure is recorded. It takes about
 * five seconds on an idle machine.
 */
const RECORDED_WITHIN_MS = 20_000;

interface Kind {
  readonly setting: string;
  readonly package: 'redis-server' | 'rabbitmq-server';
  readonly start: () => Promise<TestBroker>;
  /** Prepares the broker to accept the moves of every tenant. */
  readonly prepare: (url: string) => Promise<void>;
}

const KINDS: Record<Broker, Kind> = {
  redis: {
    setting: 'REDIS_URL',
    package: 'redis-server',
    start: () => startRedis(),
    prepare: async () => {},
  },
  rabbitmq: {
    setting: 'AMQP_URL',
    package: 'rabbitmq-server',
    start: startRabbitmq,
    prepare: (url) => bindAudit(url, 'fleet'),
  },
};

/** The case that is tried outside of the deep tests. */
const ALWAYS: Record<Broker, string> = {
  redis: 'accepts requests and does not respond, one',
  rabbitmq: 'is killed, forty',
};

for (const kind of BROKERS) {
  const skipped = skipWithout(`channels that freeze without ${kind}`, [KINDS[kind].package]);
  describe.skipIf(skipped)(`a channel that the policy freezes while ${kind} is down`, () => {
    freezes(kind);
  });
}

function freezes(kind: Broker): void {
  const { setting, start, prepare } = KINDS[kind];
  let broker: TestBroker;
  let proxy: SilentProxy;
  let plane: ControlPlane;
  let streams: Record<'one' | 'forty', FreezingStream>;

  beforeAll(async () => {
    broker = await start();
    await prepare(broker.url);
    proxy = await startSilentProxy(broker.port);
    const url = broker.url.replace(`:${broker.port}`, `:${proxy.port}`);
    plane = await startControlPlane({ workerEnv: () => Promise.resolve({ [setting]: url }) });
    streams = { one: await freezingStream(plane, kind, 1), forty: await freezingStream(plane, kind, 40) };
  });
  afterEach(async () => {
    expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
  });
  afterAll(async () => {
    await Promise.all(Object.values(streams).map((stream) => stream.close()));
    await plane.stop();
    await proxy.stop();
    await broker.stop();
  });

  /** Counts those of these releases that the writer of their partition has notified of the broker's recovery. */
  async function woken(releases: readonly ReleaseRecord[]): Promise<number> {
    const rows = await plane.admin.query(
      `SELECT DISTINCT i.target_service_key FROM sys_journal j JOIN sys_invocation i ON i.id = j.id
       WHERE i.target_service_name = 'Release' AND i.target_handler_name = 'run' AND j.entry_type LIKE '%Signal%'
         AND i.target_service_key IN (${releases.map((release) => `'${releaseKey(release)}'`).join(', ')})`,
    );
    return rows.length;
  }

  /** Waits until the database records the sinks of all these tenants as failing. Returns the time. */
  async function failing(tenants: readonly string[]): Promise<number> {
    for (const tenant of tenants) {
      const isFailing = async () => (await sinkOf(plane, tenant, kind)).failures > 0;
      await eventually(isFailing, { what: `${kind} of ${tenant} fails` });
    }
    return Date.now();
  }

  const outages = {
    'is killed': { begin: () => broker.kill(), end: () => broker.restart(), endsAtOnce: false },
    'resets its connections': {
      begin: async () => proxy.reset(),
      end: async () => proxy.heal(),
      endsAtOnce: true,
    },
    'accepts requests and does not respond': {
      begin: async () => proxy.swallow(),
      end: async () => proxy.heal(),
      endsAtOnce: true,
    },
  };
  const cases = Object.entries(outages).flatMap(([how, outage]) =>
    (['one', 'forty'] as const)
      .filter((size) => isDeep || ALWAYS[kind] === `${how}, ${size}`)
      .map((size) => [how, size, outage] as const),
  );

  test.each(cases)(
    'moves forward only within five seconds of a successful health check of its broker, and again after the next one (the broker %s; tenants: %s)',
    async (_how, size, { begin, end, endsAtOnce }) => {
      const stream = streams[size];
      const { tenants } = stream;
      const startedMs = Date.now();
      await begin();
      const outageMs = Date.now();
      let frozen: ReleaseRecord[] = [];
      let askedMs = 0;
      let endedMs = 0;
      try {
        const [failingMs] = await Promise.all([failing(tenants), stream.publishUntilFrozen()]);
        const moved = await stream.moves(startedMs);
        expect(failingMs - Math.max(outageMs, moved[0]?.atMs ?? 0)).toBeLessThan(RECORDED_WITHIN_MS);
        await eventually(async () => Date.now() > outageMs + sinkLimits.healthMaxAgeMs, {
          what: 'the last proof is too old',
        });
        // From here on, only a successful health check after the outage can let a swap through. None has happened
        // yet.
        askedMs = Date.now();
        frozen = await stream.publishUntilFrozen();
        const proofs = await stream.proofs();
        expect(proofs.filter((atMs) => atMs > outageMs)).toEqual([]);
        expect(withoutProof(await stream.moves(startedMs), proofs)).toEqual([]);
      } finally {
        await end();
        endedMs = Date.now();
      }
      for (const { tenant, version } of frozen)
        expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'published' });
      const moves = await stream.moves(outageMs + sinkLimits.healthMaxAgeMs);
      expect(moves).toHaveLength(tenants.length);
      expect(withoutProof(moves, await stream.proofs())).toEqual([]);
      expect(moves.filter(({ atMs }) => atMs - endedMs > WOKEN_WITHIN_MS)).toEqual([]);
      // Without a notification, a release checks again only after this time. A move before that proves that the
      // release was notified.
      const firstCheckMs = askedMs + sinkLimits.notifiedBackoff.firstMs;
      if (endsAtOnce && size === 'one') expect(moves[0]?.atMs).toBeLessThan(firstCheckMs);
      if (size === 'forty') expect(await woken(frozen)).toBeGreaterThan(0);
    },
  );
}

/** The moves that had no successful health check in the five seconds before them, by the clock of the database. */
function withoutProof(moves: readonly { tenant: string; atMs: number }[], proofs: readonly number[]) {
  return moves.filter(
    ({ atMs }) =>
      !proofs.some(
        (proofMs) => proofMs <= atMs && atMs - proofMs < sinkLimits.healthMaxAgeMs + CHECK_TO_ROW_MS,
      ),
  );
}
