import { setTimeout } from 'node:timers/promises';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { type Broker, partitionOf } from '../../../core/sink.ts';
import type { Probed } from '../../../handlers/ports/sinks.ts';
import { databaseTimeMs, recordProbe } from '../../postgres/sinks/sink-deliveries.ts';
import type { Health } from '../../sinks/target.ts';
import { notToldOf, type SinkDeps } from './send-through.ts';

export type BrokerProbes = (broker: Broker, tenant: string) => Promise<Probed>;

interface Probe {
  /** By a clock that never goes back. */
  readonly startedMs: number;
  readonly result: Promise<Probed>;
}

/**
 * Asks a broker whether it would take a move, and records the result for all tenants of the partition. Whoever asks within a second after another
 * gets the other's result: when a broker fails, all releases of its partition ask at once.
 */
export function brokerProbes(parts: Pick<SinkDeps, 'db' | 'clock' | 'brokers'>): BrokerProbes {
  // One for each partition of each broker.
  const latest = new Map<string, Probe>();
  return (broker, tenant) => {
    const partition = partitionOf(tenant);
    const key = `${broker}:${partition}`;
    const startedMs = performance.now();
    const before = latest.get(key);
    if (before !== undefined && startedMs - before.startedMs < sinkLimits.probeEveryMs) return before.result;
    const probe = { startedMs, result: probeAndRecord(parts, broker, partition) };
    latest.set(key, probe);
    // What could not be recorded is asked again.
    probe.result.catch(() => {
      if (latest.get(key) === probe) latest.delete(key);
    });
    return probe.result;
  };
}

async function probeAndRecord(
  { db, clock, brokers }: Pick<SinkDeps, 'db' | 'clock' | 'brokers'>,
  broker: Broker,
  partition: number,
): Promise<Probed> {
  const provenMs = await databaseTimeMs(db);
  const target = brokers[broker];
  const health: Health =
    target === undefined ? { kind: 'down', reason: notToldOf(broker) } : await inTime(target.probe());
  const failed = health.kind === 'well' ? null : health.reason;
  const at = clock.now();
  const retryAtMs = failed === null ? null : at + sinkLimits.probeEveryMs;
  const stillFails = await recordProbe(db, { broker, partition, failed, provenMs, retryAtMs, at });
  if (failed !== null) return { kind: 'down', reason: failed };
  return stillFails === null ? { kind: 'well' } : { kind: 'due', reason: stillFails };
}

/** One that takes longer ends by the broker's own time-outs, and its result is not used. */
async function inTime(probe: Promise<Health>): Promise<Health> {
  const seconds = sinkLimits.probeMs / 1_000;
  const late: Health = { kind: 'down', reason: `it did not take a probe within ${seconds} s` };
  const over = new AbortController();
  try {
    return await Promise.race([probe, setTimeout(sinkLimits.probeMs, late, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}
