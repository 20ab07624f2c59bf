import type { ControlPlane } from '../worlds/control-plane.ts';

/**
 * Kills the worker, Restate and PostgreSQL, and starts them again with their data. Calls `meanwhile` twice: first
 * while the API can authenticate callers but can't record decisions, and then while it can't authenticate callers
 * either.
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
