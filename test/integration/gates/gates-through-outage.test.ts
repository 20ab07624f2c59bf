import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Role } from '../../../packages/protocol/access.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import type { TestAnswer } from '../../support/processes/api.ts';
import { type AskedWorld, givePolicy, startAskedWorld, tell } from '../../support/worlds/asked-world.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { waitingGates } from '../../support/data/gates.ts';
import { outage } from '../../support/servers/outage.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { as, madeToken } from '../../support/data/tokens.ts';

// Kills the worker and both stores while a release waits, and repeats the decisions of callers until they are
// accepted.

let world: AskedWorld;
let tenant: string;

beforeAll(async () => {
  world = await startAskedWorld();
});
beforeEach(async () => {
  tenant = await newTenant(world.plane);
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => world.stop());

const id = (version: number) => ({ tenant, bundle: 'bundle', version });
const waiting = (count: number) => waitingGates(world.plane, tenant, count);

/**
 * Prepares a request about the release by a person with that role. Each call of the returned function sends the same
 * request with the same idempotency key.
 */
async function word(
  role: Role,
  version: number,
  path: string,
  json: object,
): Promise<() => Promise<TestAnswer>> {
  const { token } = await madeToken(world.api, { name: `the-${role}`, tenant, roles: [role] });
  const headers = { 'idempotency-key': crypto.randomUUID() };
  const at = `/v1/tenants/${tenant}/bundles/bundle/releases/${version}${path}`;
  return () => world.api.call('POST', at, as(token, { json, headers }));
}

/** Repeats a request until its response is not 503, as a client does. */
const untilAvailable = <T extends { status: number }>(say: () => Promise<T>): Promise<T> =>
  eventually(
    async () => {
      const answer = await say();
      return answer.status === 503 ? null : answer;
    },
    { what: 'the word is heard' },
  );

function expectRetryAfter({ status, headers }: { status: number; headers: Headers }): void {
  expect([status, headers.get('retry-after')]).toEqual([503, '2']);
}

/** Returns the decisions and their authors, as the gates and the audit trail record them. */
async function said(version: number): Promise<{ decisions: string[]; audited: string[] }> {
  const release = await findRelease(world.plane.db, id(version));
  const rows = await world.plane.db.call(
    tenant,
    `SELECT "by" || ' ' || action AS line FROM audit
     WHERE tenant = $1 AND action IN ('approve', 'reject', 'success', 'failure') ORDER BY 1`,
    [tenant],
  );
  const decisions = release?.gates.flatMap(({ decisions: all }) =>
    all.map(({ by, decision: what }) => `${by} ${what}`),
  );
  return { decisions: decisions?.toSorted() ?? [], audited: rows.map(({ line }) => String(line)) };
}

test('an approval and a check result sent during an outage get 503 with Retry-After, and each counts once when sent again; no deadline changes', async () => {
  const gates = [{ approval: { name: 'release' } }, { check: { name: 'e2e' } }];
  await givePolicy(world.plane, tenant, { channels: { live: { gates } } });
  const version = await accepted(world.plane, tenant);
  const before = await waiting(2);
  const digest = before[0]!.digest;
  const approve = await word('approver', version, '/approvals', { decision: 'approve', digest });
  const report = await word('reporter', version, '/checks/e2e', { conclusion: 'success' });
  await outage(world.plane, async () => {
    expectRetryAfter(await approve());
    expectRetryAfter(await report());
  });
  expect(await waiting(2)).toEqual(before);
  expect(await said(version)).toEqual({ decisions: [], audited: [] });
  for (const [say, gate] of [
    [approve, 'release'],
    [report, 'e2e'],
  ] as const) {
    const heard = await untilAvailable(say);
    expect([heard.status, heard.json], heard.text).toMatchObject([201, { gate, state: 'passed' }]);
    const again = await say();
    expect([again.status, again.json['replayed']]).toEqual([201, true]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  }
  const lines = ['the-approver approve', 'the-reporter success'];
  expect(await said(version)).toEqual({ decisions: lines, audited: lines });
  expect(await settled(world.plane, tenant, version)).toMatchObject({
    outcome: 'published',
    generation: 1,
    gates: before.map(({ deadlineAt }) => ({ state: 'passed', deadlineAt })).toReversed(),
  });
});

test('a callback that is sent during an outage gets 503 with Retry-After, and becomes the only decision of its gate when it is sent again', async () => {
  const path = `/${tenant}`;
  const check = { name: 'e2e', url: world.address(path) };
  await givePolicy(world.plane, tenant, { channels: { live: { gates: [{ check }] } } });
  const version = await accepted(world.plane, tenant);
  const [request] = await world.checks(path, 1);
  // The outside service receives the request slightly before the database records it.
  const before = await eventually(
    async () => {
      const gates = await waiting(1);
      return gates[0]?.statusText.endsWith('which was requested') ? gates : null;
    },
    { what: 'it is on record that the check was asked for' },
  );
  const answer = () => tell(request!.callback.url, { conclusion: 'success', summary: '40 of 40' });
  await outage(world.plane, async () => expectRetryAfter(await answer()));
  expect(await waiting(1)).toEqual(before);
  expect(before).toMatchObject([{ deadlineAt: request!.deadline }]);
  expect(await untilAvailable(answer)).toMatchObject({ status: 200 });
  expect(await answer()).toMatchObject({ status: 200, json: { replayed: true } });
  const lines = ['callback/e2e success'];
  expect(await said(version)).toEqual({ decisions: lines, audited: lines });
  expect((await settled(world.plane, tenant, version)).outcome).toBe('published');
  expect(await world.asked(path, 1)).toHaveLength(1);
});
