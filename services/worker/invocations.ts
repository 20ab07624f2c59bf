import { z } from 'zod';

import { type ReleaseId, releaseKey } from '../../core/identifiers.ts';
import { Release } from '../../handlers/contract.ts';
import type { Invocations, InvocationState } from '../../handlers/deps.ts';
import type { RestateAdmin } from '../restate/admin.ts';

const Row = z.object({ target_service_key: z.string(), status: z.string() });

export function restateInvocations(admin: RestateAdmin): Invocations {
  return {
    async stateOf(id) {
      const states = await invocationStates(admin, [id]);
      return states.get(releaseKey(id)) ?? 'unknown';
    },
  };
}

/**
 * What Restate knows of these releases, by their keys; one query however many are asked about. All but "completed" is running: a paused
 * one too, since its operator can resume it.
 */
export async function invocationStates(
  admin: RestateAdmin,
  ids: readonly ReleaseId[],
): Promise<ReadonlyMap<string, InvocationState>> {
  if (ids.length === 0) return new Map();
  const rows = await admin.query(
    `SELECT target_service_key, status FROM sys_invocation
     WHERE target_service_name = ${literal(Release.name)} AND target_handler_name = 'run'
       AND target_service_key IN (${ids.map((id) => literal(releaseKey(id))).join(', ')})`,
  );
  const parsed = rows.map((row) => Row.parse(row));
  return new Map(
    parsed.map((row) => [row.target_service_key, row.status === 'completed' ? 'ended' : 'running']),
  );
}

/** Restate's SQL takes no parameters. Keys are names of our own rule, without quotes; one that has any is not ours. */
function literal(text: string): string {
  if (!/^[A-Za-z0-9/-]+$/.test(text)) throw new Error(`"${text}" cannot stand in a query`);
  return `'${text}'`;
}
