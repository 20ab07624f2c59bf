import { Client } from 'pg';

import { type Broker, partitionOf } from '../../../packages/protocol/sinks/sink.ts';
import { findRelease, type ReleaseRecord } from '../../../services/postgres/releases/releases.ts';
import { inParallel } from '../../../packages/client/follower/cache/in-parallel.ts';
import { createTenant } from '../../../services/postgres/tenants/tenants.ts';
import { accepted, type ControlPlane } from '../worlds/control-plane.ts';
import { eventually } from '../runs/eventually.ts';
import { deliveredTo, requireSinks, twoReleases } from '../worlds/sink-world.ts';

/**
 * Tenants that share one partition of a broker, with a record of all health checks of that partition. While the
 * broker is down, their channels do not move.
 */
export interface FreezingStream {
  readonly tenants: readonly string[];
  /** The successful health checks: the time at which each one began, in epoch milliseconds, oldest first. */
  proofs(): Promise<number[]>;
  /** The moves of these tenants since `sinceMs`, each with the time at which the database inserted its row. */
  moves(sinceMs: number): Promise<{ tenant: string; atMs: number }[]>;
  /** Publishes repeatedly for each tenant until one release of each tenant waits for the broker. Returns those releases. */
  publishUntilFrozen(): Promise<ReleaseRecord[]>;
  close(): Promise<void>;
}

/** The number of concurrent publishes. More of them would wait for a database connection on a usual machine. */
const AT_ONCE = 8;

let streams = 0;

export async function freezingStream(
  plane: ControlPlane,
  broker: Broker,
  size: number,
): Promise<FreezingStream> {
  const owner = new Client({ connectionString: plane.postgres.ownerUrl });
  owner.on('error', () => undefined);
  await owner.connect();
  await keepProofs(owner);
  const tenants = namesOfOnePartition(`f${process.pid}-${++streams}`, size);
  const partition = partitionOf(tenants[0] ?? '');
  await inParallel(tenants, AT_ONCE, async (tenant) => {
    await createTenant(plane.db, tenant, 'test', Date.now());
    await requireSinks(plane, tenant, 'freeze', [broker]);
    await twoReleases(plane, tenant);
  });
  for (const tenant of tenants) await deliveredTo(plane, tenant, 2, broker);
  const epochMs = async (sql: string, values: unknown[]) => {
    const { rows } = await owner.query<{ tenant: string; at: Date }>(sql, values);
    return rows.map(({ tenant, at }) => ({ tenant, atMs: at.getTime() }));
  };
  return {
    tenants,
    async proofs() {
      const sql = `SELECT '' AS tenant, at FROM proofs WHERE broker = $1 AND stream = $2 ORDER BY at`;
      return (await epochMs(sql, [broker, partition])).map(({ atMs }) => atMs);
    },
    moves: (sinceMs) =>
      epochMs('SELECT tenant, at FROM written_moves WHERE tenant = ANY ($1) AND at > $2 ORDER BY at', [
        tenants,
        new Date(sinceMs),
      ]),
    async publishUntilFrozen() {
      const frozen = new Map<string, ReleaseRecord>();
      await inParallel(tenants, AT_ONCE, async (tenant) => {
        frozen.set(tenant, await publishUntilFrozen(plane, tenant));
      });
      return [...frozen.values()];
    },
    close: () => owner.end(),
  };
}

function namesOfOnePartition(prefix: string, size: number): string[] {
  const names: string[] = [];
  for (let n = 0; names.length < size; n++) {
    const name = `${prefix}-${n}`;
    if (names.length === 0 || partitionOf(name) === partitionOf(names[0] ?? '')) names.push(name);
  }
  return names;
}

/**
 * Creates triggers that record every health check of a partition, and the database's time of each inserted move.
 * Otherwise the database keeps only the last health check, and the worker's time of a move.
 */
async function keepProofs(owner: Client): Promise<void> {
  await owner.query(`
    CREATE TABLE IF NOT EXISTS proofs (broker text, stream integer, at timestamptz);
    CREATE OR REPLACE FUNCTION keep_proof() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    BEGIN
      IF NEW.healthy_at IS NOT NULL THEN INSERT INTO proofs VALUES (NEW.broker, NEW.stream, NEW.healthy_at); END IF;
      RETURN NULL;
    END $$;
    CREATE TABLE IF NOT EXISTS written_moves (tenant text, at timestamptz);
    CREATE OR REPLACE FUNCTION keep_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    BEGIN
      INSERT INTO written_moves VALUES (NEW.tenant, clock_timestamp());
      RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER keep_move AFTER INSERT ON pointsman.moves FOR EACH ROW EXECUTE FUNCTION keep_move();
    CREATE OR REPLACE TRIGGER keep_proof AFTER INSERT OR UPDATE OF healthy_at ON pointsman.broker_streams
      FOR EACH ROW EXECUTE FUNCTION keep_proof()`);
}

async function publishUntilFrozen(plane: ControlPlane, tenant: string): Promise<ReleaseRecord> {
  for (;;) {
    const files = { 'config.json': JSON.stringify({ text: crypto.randomUUID() }) };
    const version = await accepted(plane, tenant, { files });
    const release = await eventually(
      async () => {
        const found = await findRelease(plane.db, { tenant, bundle: 'bundle', version });
        return found !== null && (found.status === 'settled' || found.status === 'waiting') ? found : null;
      },
      { what: `v${version} of ${tenant} is published or waits` },
    );
    if (release.status === 'waiting') return release;
  }
}
