import type { ControlPlane } from '../worlds/control-plane.ts';

/**
 * Kills the worker, Restate and PostgreSQL, and starts them again with their data. Calls `meanwhile` twice: first
 * while only Restate and the worker are down, so that no decision can be recorded, and then while PostgreSQL is also
 * down, so that no caller can be authenticated.
 */
export async function outage(
  { worker, restate, postgres }: ControlPlane,
  meanwhile: () => Promise<void> = async () => {},
): Promise<void> {
  await worker.down();
  await restate.kill();
  await meanwhile();
  await postgres.kill();
  await meanwhile();
  await postgres.restart();
  await restate.restart();
  await worker.start();
}
