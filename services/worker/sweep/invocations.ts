import { z } from 'zod';

import { type ReleaseId, releaseKey } from '@pointsman/protocol/identifiers';
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

/** Returns the states of the `Release` workflows of these releases, by release key. */
export function releaseStates(
  admin: RestateAdmin,
  ids: readonly ReleaseId[],
): Promise<ReadonlyMap<string, InvocationState>> {
  return invocationStates(admin, { service: Release.name, handler: 'run' }, ids.map(releaseKey));
}

/**
 * Returns the states of the invocations with these keys, with one query. Every status except "completed" counts as
 * running. This includes paused invocations, because an operator can resume them. If a key has several invocations
 * and one of them is running, the state is running.
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

/**
 * Returns those of the keys whose handler is running or queued. A key that only has a delayed call ("scheduled") is
 * not returned.
 */
export async function runningKeys(
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

/**
 * Quotes a value for a query, because Restate's SQL has no parameters. Throws if the value contains a character that
 * does not occur in valid keys, such as a quote.
 */
function literal(text: string): string {
  if (!/^[A-Za-z0-9/.:_-]+$/.test(text)) throw new Error(`"${text}" is not a valid key for a query`);
  return `'${text}'`;
}
