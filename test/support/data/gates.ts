import { digestOf } from '../../../packages/protocol/digest.ts';
import { type ReleaseId, releaseKey } from '../../../packages/protocol/identifiers.ts';
import { Policy } from '../../../core/policy.ts';
import { Release, type DecisionResult, type DecisionRequest } from '../../../handlers/contract/release.ts';
import { listOpenGates } from '../../../services/postgres/releases/gates.ts';
import type { ControlPlane } from '../worlds/control-plane.ts';
import { eventually } from '../runs/eventually.ts';
import { standstill } from '../servers/standstill.ts';

/** Stores a new version of the tenant's policy, with these gates on one channel. */
export async function withPolicy(
  plane: ControlPlane,
  tenant: string,
  gates: readonly unknown[],
  channel = 'live',
): Promise<void> {
  const document = Policy.parse({ channels: { [channel]: { gates } } });
  await standstill(plane).sql(async (client) => {
    await client.query('SET search_path = pointsman');
    await client.query(
      `INSERT INTO policies (tenant, version, document, by, at)
       SELECT $1, coalesce(max(version), 0) + 1, $2, 'test', now() FROM policies WHERE tenant = $1`,
      [tenant, JSON.stringify(document)],
    );
  });
}

/** Submits a decision as the approver Alice. */
export function say(
  plane: ControlPlane,
  id: ReleaseId,
  decision: DecisionRequest['decision'],
  more: Partial<DecisionRequest> = {},
): Promise<DecisionResult> {
  return plane.ingress.client(Release, releaseKey(id)).recordDecision({
    kind: decision === 'success' || decision === 'failure' ? 'check' : 'approval',
    gate: null,
    decision,
    digest: null,
    by: 'alice',
    roles: ['approver'],
    comment: null,
    url: null,
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf(decision),
    requestId: 'test',
    ...more,
  });
}

/** Waits until a tenant has `count` open gates, and returns them. */
export function waitingGates(plane: ControlPlane, tenant: string, count: number) {
  return eventually(
    async () => {
      const open = await listOpenGates(plane.db, tenant, { limit: 1_000 });
      return open.length === count ? open : null;
    },
    { what: `${count} gates wait in ${tenant}` },
  );
}
