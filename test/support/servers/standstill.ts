import { Client } from 'pg';
import { z } from 'zod';

import { type ReleaseId, releaseKey } from '../../../packages/protocol/identifiers.ts';
import type { ControlPlane } from '../worlds/control-plane.ts';
import { eventually } from '../runs/eventually.ts';

/**
 * Stops releases at known points and interrupts them there. It takes locks in the database, as the database's owner.
 */
export interface Standstill {
  readonly sql: <T>(work: (client: Client) => Promise<T>) => Promise<T>;
  /** Locks the tenant's pointers while `work` runs, so that a swap begins but has to wait. */
  readonly whilePointerLocked: <T>(tenant: string, work: () => Promise<T>) => Promise<T>;
  /** Keeps every release from recording a stage while `work` runs. Publishes are admitted, but wait before they compile. */
  readonly whileStagesLocked: <T>(work: () => Promise<T>) => Promise<T>;
  /** Prevents every pointer from moving while `work` runs, so that a swap begins but has to wait. */
  readonly whileMovesLocked: <T>(work: () => Promise<T>) => Promise<T>;
  /**
   * Sets a hold on the tenant's pointers in an open transaction, runs `work`, and commits. A swap that begins during
   * `work` waits for the commit and is then refused.
   */
  readonly holdAfter: <T>(tenant: string, work: () => Promise<T>) => Promise<T>;
  /** Whether a statement that contains the text is waiting for a lock. */
  readonly waitsForLock: (text: string) => Promise<boolean>;
  /** Closes the worker's connections that are waiting for a lock. Returns whether there were any. */
  readonly cutWaiting: () => Promise<boolean>;
  /**
   * Kills a release as an operator does. It first stops the worker and ends its open transactions, because a running
   * step would otherwise still finish.
   */
  readonly killRelease: (id: ReleaseId) => Promise<void>;
}

export function standstill(plane: ControlPlane): Standstill {
  const sql: Standstill['sql'] = async (work) => {
    const client = new Client({ connectionString: plane.postgres.ownerUrl });
    // A server that is killed emits an error on this client. Without a listener the error would end the test process.
    client.on('error', () => undefined);
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
    whileMovesLocked: (work) => around('LOCK TABLE pointsman.moves IN SHARE MODE', [], 'ROLLBACK', work),
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
    async killRelease(id) {
      const running = `SELECT id FROM sys_invocation WHERE status <> 'completed' AND
        (target = 'Release/${releaseKey(id)}/run' OR target = 'Tenant/${id.tenant}/swap')`;
      await plane.worker.down();
      for (const row of await plane.admin.query(running))
        await plane.admin.killInvocation(z.object({ id: z.string() }).parse(row).id);
      await eventually(async () => (await plane.admin.query(running)).length === 0, {
        what: `nothing of ${releaseKey(id)} runs`,
      });
      const connections = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pointsman-worker'`;
      await eventually(async () => !(await count(connections, [])), {
        what: 'the worker’s connections are gone',
      });
      await plane.worker.start();
    },
  };
}
