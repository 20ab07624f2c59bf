import { expect } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { Policy } from '../../../core/policy.ts';
import type { DecisionRequest } from '../../../handlers/contract/release.ts';
import { readManifest } from '../../../packages/protocol/artifacts/oci-manifest.ts';
import { postgresCallbacks } from '../../../services/postgres/releases/callbacks.ts';
import { acknowledge } from '../../../services/postgres/channels/followers.ts';
import { postgresGates } from '../../../services/postgres/releases/gates.ts';
import { receive, setHook } from '../data/hooks.ts';
import { limitTenant } from '../data/quotas.ts';
import { setSink } from '../data/sinks.ts';
import { AT, holdRequest, published, readyToSwap, type Store } from './store.ts';

/** Inserts a row of the tenant into every table that has tenant rows. */
export async function fillTenant(store: Store, tenant: string): Promise<void> {
  await published(store, { tenant, bundle: 'bundle', version: 1 });
  await readyToSwap(store, { tenant, bundle: 'bundle', version: 2 });
  await gated(store, tenant, 3);
  await asked(store, tenant, 3);
  await store.moves.setHold(holdRequest({ tenant, reason: 'x' }));
  await setHook(store.db, tenant);
  await receive(store.db, { tenant, hook: 'main', delivery: 'one' });
  await setSink(store.db, tenant);
  await store.owner.query(
    `INSERT INTO pointsman.webhook_attempts (tenant, sink, event, delivered, summary, took_ms, at) VALUES ($1, 'audit', 'x', false, 'x', 1, now())`,
    [tenant],
  );
  await store.owner.query(
    `INSERT INTO pointsman.compiled_documents SELECT tenant, 'x', 'local/0', digest, '' FROM pointsman.blobs WHERE tenant = $1 LIMIT 1`,
    [tenant],
  );
  await follows(store, tenant);
  await limitTenant(store.db, tenant, { hooks: 7 });
}

/** Registers a follower that has no bundle yet. */
async function follows(store: Store, tenant: string): Promise<void> {
  const pointer = { tenant, bundle: 'bundle', channel: 'live' };
  const said = { follower: 'bot', generation: 0, digest: null, by: 'x', at: AT };
  expect(await acknowledge(store.db, { ...pointer, ...said })).toMatchObject({ kind: 'acknowledged' });
}

/** Creates a release that waits at a gate on which a person has already decided. */
async function gated(store: Store, tenant: string, version: number): Promise<void> {
  const document = Policy.parse({
    channels: { live: { gates: [{ approval: { name: 'release', count: 2 } }] } },
  });
  await store.owner.query('INSERT INTO pointsman.policies VALUES ($1, 1, $2, NULL, $3, now())', [
    tenant,
    document,
    'x',
  ]);
  const id = { tenant, bundle: 'bundle', version };
  await readyToSwap(store, id);
  const decision: DecisionRequest = {
    kind: 'approval',
    gate: 'release',
    decision: 'approve',
    digest: null,
    by: 'x',
    roles: ['approver'],
    comment: null,
    url: null,
    idempotencyKey: 'a word',
    fingerprint: digestOf('a word'),
    requestId: 'x',
  };
  const answer = await postgresGates(store.db).recordDecision(id, { ...decision, at: Date.now() });
  expect(answer).toMatchObject({ kind: 'recorded', decisions: 1 });
}

/** Opens a callback of that release, whose address an outside server has already received. */
async function asked(store: Store, tenant: string, version: number): Promise<void> {
  const opened = await postgresCallbacks(store.db, async (_tenant, bytes) => readManifest(bytes)).open({
    id: { tenant, bundle: 'bundle', version },
    purpose: 'compile',
    subject: '1',
    capability: `of ${tenant}`,
    awakeableId: 'sign_1',
    deadlineMs: Date.now() + 60_000,
    detail: 'x',
    at: Date.now(),
  });
  expect(opened.kind).toBe('open');
}
