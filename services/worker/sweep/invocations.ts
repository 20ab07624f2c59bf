import { z } from 'zod';

import { type ReleaseId, releaseKey } from '../../../core/identifiers.ts';
import { Release } from '../../../handlers/contract/release.ts';
import type { Invocations, InvocationState } from '../../../handlers/ports/deps.ts';
import type { RestateAdmin } from '../../restate/admin.ts';

const Row = z.object({ target_service_key: z.string(), status: z.string() });

export function restateInvocations(admin: RestateAdmin): Invocations {
  return {
    async stateOf(id) {
      const states = await releaseStates(admin, [id]);
      return states.get(releaseKey(id)) ?? 'unknown';
    },
    clearState: (id) => admin.clearState(Release.name, releaseKey(id)),
  };
}

/** What Restate knows of these releases, by their keys. */
export function releaseStates(
  admin: RestateAdmin,
  ids: readonly ReleaseId[],
): Promise<ReadonlyMap<string, InvocationState>> {
  return invocationStates(admin, { service: Release.name, handler: 'run' }, ids.map(releaseKey));
}

/**
 * What Restate knows of the invocations under those keys; one query however many are asked about. All but "completed" is running: a paused
 * one too, since its operator can resume it. Where a key has several, one that runs counts.
 */
export async function invocationStates(
  admin: RestateAdmin,
  { service, handler }: { readonly service: string; readonly handler: string },
  keys: readonly string[],
): Promise<ReadonlyMap<string, InvocationState>> {
  if (keys.length === 0) return new Map();
  const rows = await admin.query(
    `SELECT target_service_key, status FROM sys_invocation
     WHERE target_service_name = ${literal(service)} AND target_handler_name = ${literal(handler)}
       AND target_service_key IN (${keys.map(literal).join(', ')})`,
  );
  const states = new Map<string, InvocationState>();
  for (const row of rows) {
    const { target_service_key: key, status } = Row.parse(row);
    if (states.get(key) !== 'running') states.set(key, status === 'completed' ? 'ended' : 'running');
  }
  return states;
}

/** The keys under which that handler runs, or waits for its turn; not those of messages that wait for their time. */
export async function keysAtWork(
  admin: RestateAdmin,
  { service, handler }: { readonly service: string; readonly handler: string },
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const rows = await admin.query(
    `SELECT target_service_key, status FROM sys_invocation
     WHERE target_service_name = ${literal(service)} AND target_handler_name = ${literal(handler)}
       AND target_service_key IN (${[...new Set(keys)].map(literal).join(', ')}) AND status NOT IN ('completed', 'scheduled')`,
  );
  return new Set(rows.map((row) => Row.parse(row).target_service_key));
}

/** Restate's SQL takes no parameters. Keys are names of our own rules, without quotes; one that has any is not ours. */
function literal(text: string): string {
  if (!/^[A-Za-z0-9/.:_-]+$/.test(text)) throw new Error(`"${text}" cannot stand in a query`);
  return `'${text}'`;
}
