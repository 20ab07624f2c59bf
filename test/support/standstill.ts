import { Client } from 'pg';

import type { ControlPlane } from './control-plane.ts';

/** Ways to make a release stand still at a known place, and to cut it off there: with the database's own locks, as its owner. */
export interface Standstill {
  readonly sql: <T>(work: (client: Client) => Promise<T>) => Promise<T>;
  /** Locks the tenant's pointers while `work` is done: a swap begins and waits. */
  readonly whilePointerLocked: <T>(tenant: string, work: () => Promise<T>) => Promise<T>;
  /** Keeps every release from recording a stage while `work` is done: publishes are admitted, and get no further than compiling. */
  readonly whileStagesLocked: <T>(work: () => Promise<T>) => Promise<T>;
  /** Holds the tenant's pointers when `work` has been done: a swap that has begun meanwhile is refused. */
  readonly holdAfter: <T>(tenant: string, work: () => Promise<T>) => Promise<T>;
  /** Whether a statement with that text waits for somebody's lock. */
  readonly waitsForLock: (text: string) => Promise<boolean>;
  /** Cuts the worker's connections that wait for a lock, and says whether there were any. */
  readonly cutWaiting: () => Promise<boolean>;
}

export function standstill(plane: ControlPlane): Standstill {
  const sql: Standstill['sql'] = async (work) => {
    const client = new Client({ connectionString: plane.postgres.ownerUrl });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const count = (text: string, values: unknown[]): Promise<boolean> =>
    sql(async (client) => ((await client.query(text, values)).rowCount ?? 0) > 0);
  const around = <T>(before: string, values: string[], after: string, work: () => Promise<T>): Promise<T> =>
    sql(async (client) => {
      await client.query('BEGIN');
      await client.query(before, values);
      const result = await work();
      await client.query(after);
      return result;
    });
  return {
    sql,
    whilePointerLocked: (tenant, work) =>
      around('SELECT FROM pointsman.pointers WHERE tenant = $1 FOR UPDATE', [tenant], 'ROLLBACK', work),
    whileStagesLocked: (work) => around('LOCK TABLE pointsman.stages IN SHARE MODE', [], 'ROLLBACK', work),
    holdAfter: (tenant, work) =>
      around(
        `UPDATE pointsman.pointers SET hold_reason = 'test', hold_by = 'test', hold_at = now() WHERE tenant = $1`,
        [tenant],
        'COMMIT',
        work,
      ),
    waitsForLock: (text) =>
      count(
        `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND strpos(query, $1) > 0 AND pid <> pg_backend_pid()`,
        [text],
      ),
    cutWaiting: () =>
      count(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'pointsman-worker' AND wait_event_type = 'Lock'`,
        [],
      ),
  };
}
