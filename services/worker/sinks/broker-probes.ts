import { setTimeout } from 'node:timers/promises';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { type Broker, partitionOf } from '@pointsman/protocol/sinks/sink';
import type { Probed } from '../../../handlers/ports/sinks.ts';
import { databaseTimeMs, recordProbe } from '../../postgres/sinks/sink-deliveries.ts';
import type { Health } from '../../sinks/target.ts';
import { notConfigured, type SinkDeps } from './send-through.ts';

export type BrokerProbes = (broker: Broker, tenant: string) => Promise<Probed>;

interface Probe {
  /** The time at which the probe started, on a monotonic clock in milliseconds. */
  readonly startedMs: number;
  readonly result: Promise<Probed>;
}

/**
 * Creates a function that checks whether a broker would accept a move. The result is recorded for all tenants of the
 * partition. Calls within `sinkLimits.probeEveryMs` of each other share one probe. When a broker fails, all releases
 * of a partition probe it at about the same time.
 */
export function brokerProbes(deps: Pick<SinkDeps, 'db' | 'clock' | 'brokers'>): BrokerProbes {
  // The latest probe of each partition of a broker. The key contains the broker and the partition.
  const latest = new Map<string, Probe>();
  return (broker, tenant) => {
    const partition = partitionOf(tenant);
    const key = `${broker}:${partition}`;
    const startedMs = performance.now();
    const before = latest.get(key);
    if (before !== undefined && startedMs - before.startedMs < sinkLimits.probeEveryMs) return before.result;
    const probe = { startedMs, result: probeAndRecord(deps, broker, partition) };
    latest.set(key, probe);
    // If the result of a probe could not be recorded, it is not reused.
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
  const healthyAtMs = await databaseTimeMs(db);
  const target = brokers[broker];
  const health: Health =
    target === undefined ? { kind: 'down', reason: notConfigured(broker) } : await inTime(target.probe());
  const failed = health.kind === 'well' ? null : health.reason;
  const at = clock.now();
  const retryAtMs = failed === null ? null : at + sinkLimits.probeEveryMs;
  const stillFails = await recordProbe(db, { broker, partition, failed, healthyAtMs, retryAtMs, at });
  if (failed !== null) return { kind: 'down', reason: failed };
  return stillFails === null ? { kind: 'well' } : { kind: 'due', reason: stillFails };
}

/**
 * Waits for a probe, but at most `sinkLimits.probeMs`. A slower probe continues until the broker's own time limits,
 * and its result is ignored.
 */
async function inTime(probe: Promise<Health>): Promise<Health> {
  const seconds = sinkLimits.probeMs / 1_000;
  const late: Health = { kind: 'down', reason: `it did not accept a probe within ${seconds} s` };
  const over = new AbortController();
  try {
    return await Promise.race([probe, setTimeout(sinkLimits.probeMs, late, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}
