import type { ControlPlane } from '../worlds/control-plane.ts';

/**
 * Kills the worker, Restate and PostgreSQL, and starts them again with their data. `meanwhile` runs twice: once while no decision can be
 * made, and once while no caller can be authenticated.
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
