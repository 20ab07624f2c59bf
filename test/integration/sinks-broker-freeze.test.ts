// Not replayed: it waits for clocks. sinks-brokers.test.ts runs the same handlers.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { sinkLimits } from '../../core/distribution-limits.ts';
import { releaseKey } from '../../core/identifiers.ts';
import { type Broker, BROKERS } from '../../core/sink.ts';
import type { ReleaseRecord } from '../../services/postgres/releases.ts';
import { startRabbitmq, startRedis, type TestBroker } from '../support/brokers.ts';
import { type ControlPlane, settled, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type FreezingStream, freezingStream } from '../support/freezing-stream.ts';
import { contradictions } from '../support/record-check.ts';
import { sinkOf } from '../support/sink-world.ts';
import { type SilentProxy, startSilentProxy } from '../support/silent-proxy.ts';
import { skipWithout } from '../support/system-packages.ts';

/** Two seconds and, for forty swaps on a machine that others keep busy, ten times as long. */
const WOKEN_WITHIN_MS = 20_000;

interface Kind {
  readonly setting: string;
  readonly package: 'redis-server' | 'rabbitmq-server';
  readonly start: () => Promise<TestBroker>;
}

const KINDS: Record<Broker, Kind> = {
  redis: { setting: 'REDIS_URL', package: 'redis-server', start: () => startRedis() },
  rabbitmq: { setting: 'AMQP_URL', package: 'rabbitmq-server', start: startRabbitmq },
};

for (const kind of BROKERS) {
  const skipped = skipWithout(`channels that freeze without ${kind}`, [KINDS[kind].package]);
  describe.skipIf(skipped)(`a channel that freezes without ${kind}`, () => {
    freezes(kind);
  });
}

function freezes(kind: Broker): void {
  const { setting, start } = KINDS[kind];
  let broker: TestBroker;
  let proxy: SilentProxy;
  let plane: ControlPlane;
  let streams: Record<'one' | 'forty', FreezingStream>;

  beforeAll(async () => {
    broker = await start();
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

  /** How many of these releases the writer of their partition has woken. */
  async function woken(releases: readonly ReleaseRecord[]): Promise<number> {
    const rows = await plane.admin.query(
      `SELECT DISTINCT i.target_service_key FROM sys_journal j JOIN sys_invocation i ON i.id = j.id
       WHERE i.target_service_name = 'Release' AND i.target_handler_name = 'run' AND j.entry_type LIKE '%Signal%'
         AND i.target_service_key IN (${releases.map((release) => `'${releaseKey(release)}'`).join(', ')})`,
    );
    return rows.length;
  }

  const outages = {
    'is killed': { begin: () => broker.kill(), end: () => broker.restart() },
    'resets its connections': { begin: async () => proxy.reset(), end: async () => proxy.heal() },
    'takes all and answers nothing': { begin: async () => proxy.swallow(), end: async () => proxy.heal() },
  };
  const cases = Object.entries(outages).flatMap(([how, outage]) =>
    (['one', 'forty'] as const).map((size) => [how, size, outage] as const),
  );

  test.each(cases)(
    'makes no forward move later than five seconds after the last proof that its broker is well, and goes on with the first proof after that: a broker that %s, %s on its stream',
    async (_how, size, { begin, end }) => {
      const stream = streams[size];
      const { tenants } = stream;
      const startedMs = Date.now();
      await begin();
      const outageMs = Date.now();
      let frozen: ReleaseRecord[] = [];
      try {
        await stream.publishUntilFrozen();
        await eventually(async () => Date.now() > outageMs + sinkLimits.provenMs, {
          what: 'the last proof is too old',
        });
        // Every swap is asked for once more, when nothing but a proof after the outage could let it through.
        frozen = await stream.publishUntilFrozen();
        const proofs = await stream.proofs();
        expect(proofs.filter((atMs) => atMs > outageMs)).toEqual([]);
        expect(withoutProof(await stream.moves(startedMs), proofs)).toEqual([]);
        for (const tenant of tenants)
          expect((await sinkOf(plane, tenant, kind)).failures, tenant).toBeGreaterThan(0);
      } finally {
        await end();
      }
      for (const { tenant, version } of frozen)
        expect(await settled(plane, tenant, version)).toMatchObject({ outcome: 'published' });
      const proofs = await stream.proofs();
      const firstMs = proofs.find((atMs) => atMs > outageMs) ?? Number.NaN;
      const moves = await stream.moves(outageMs + sinkLimits.provenMs);
      expect(moves).toHaveLength(tenants.length);
      expect(withoutProof(moves, proofs)).toEqual([]);
      const waits = moves.map(({ atMs }) => atMs - firstMs);
      expect(waits.filter((ms) => ms > WOKEN_WITHIN_MS)).toEqual([]);
      // The others found the broker by a look of their own before the wake came.
      if (size === 'forty') expect(await woken(frozen)).toBeGreaterThan(0);
    },
  );
}

/** Moves with no proof of health in the five seconds before them. */
function withoutProof(moves: readonly { tenant: string; atMs: number }[], proofs: readonly number[]) {
  return moves.filter(
    ({ atMs }) => !proofs.some((proofMs) => proofMs <= atMs && atMs - proofMs < sinkLimits.provenMs),
  );
}
