import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Role } from '../../../packages/protocol/access.ts';
import { calloutLimits } from '../../../core/limits/callout-limits.ts';
import { breakerLimits } from '../../../services/outbound/limits.ts';
import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import {
  type AskedWorld,
  givePolicy,
  type Scripted,
  startAskedWorld,
  tell,
} from '../../support/worlds/asked-world.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { gapsMs } from '../../support/servers/outside-server.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { as, madeToken } from '../../support/data/tokens.ts';

// This file is not part of the replay run, because it waits for circuit breakers and deadlines. callbacks.test.ts
// runs the same handlers with Restate replaying.
//
// Tests a service that is asked to run a check, and that is busy, failing or silent, or responds too late.

let world: AskedWorld;
let tenant: string;
let path: string;

beforeAll(async () => {
  world = await startAskedWorld();
});
beforeEach(async () => {
  tenant = await newTenant(world.plane);
  path = `/${tenant}`;
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => world.stop());

/**
 * Publishes a release whose check is requested at this test's path. The server there sends the given responses in
 * order.
 */
async function publish(rule: object, ...answers: Scripted[]): Promise<number> {
  world.script(path, ...answers);
  const check = { name: 'e2e', url: world.address(path), ...rule };
  await givePolicy(world.plane, tenant, { channels: { live: { gates: [{ check }] } } });
  return accepted(world.plane, tenant);
}
const end = (version: number) => settled(world.plane, tenant, version);
const found = (version: number) => findRelease(world.plane.db, { tenant, bundle: 'bundle', version });
const requests = async (version: number) =>
  (await found(version))?.effects
    .filter(({ effect }) => effect === 'check-request')
    .map(({ state, detail }) => `${state}: ${detail}`);

/**
 * Reports a success and expects that the release is published. All requests for the check must have had the same
 * callback address, however often it was requested.
 */
async function isTakenAndPasses(version: number, asks: number): Promise<void> {
  const asked = await world.asked(path, asks);
  expect(new Set(asked.map(({ body }) => body)).size).toBe(1);
  const key = `${tenant}:bundle:v${version}:check:e2e`;
  expect(new Set(asked.map(({ headers }) => headers['idempotency-key']))).toEqual(new Set([key]));
  const [request] = await world.checks(path, asks);
  expect(await tell(request!.callback.url, { conclusion: 'success' })).toMatchObject({ status: 200 });
  expect((await end(version)).outcome).toBe('published');
  expect(await world.asked(path, asks)).toHaveLength(asks);
  expect(await requests(version)).toEqual([expect.stringMatching(/^done: /)]);
}

test('only an admin token can report a check that was requested from a service', async () => {
  const version = await publish({ within: '1h' }, { status: 202 });
  await world.asked(path, 1);
  const report = async (role: Role) => {
    const { token } = await madeToken(world.api, { name: `the-${role}`, tenant, roles: [role] });
    const at = `/v1/tenants/${tenant}/bundles/bundle/releases/${version}/checks/e2e`;
    return world.api.call('POST', at, as(token, { json: { conclusion: 'success' } }));
  };
  for (const role of ['publisher', 'approver', 'reporter'] as const) {
    const { status, json } = await report(role);
    expect([status, json]).toMatchObject([403, { code: 'forbidden', gate: 'e2e', role: 'admin' }]);
    expect(json['detail']).toContain("only that service's report through its callback counts");
  }
  expect((await report('admin')).status).toBe(201);
  expect((await end(version)).outcome).toBe('published');
});

test('a service that responds with Retry-After is called again only after that time, with the same Idempotency-Key and callback address', async () => {
  const busy = { status: 429, headers: { 'retry-after': '5' } };
  const version = await publish({ within: '1h' }, busy, { status: 202 });
  expect(gapsMs(await world.asked(path, 2))[0]).toBeGreaterThanOrEqual(5_000);
  await isTakenAndPasses(version, 2);
});

test('a check request that gets no response ends at its timeout and is sent again', async () => {
  const version = await publish({ within: '1h' }, 'silence', { status: 202 });
  expect(gapsMs(await world.asked(path, 2))[0]).toBeGreaterThanOrEqual(calloutLimits.callMs);
  await isTakenAndPasses(version, 2);
});

test('a check fails immediately with the response of its service when the service asks for a longer wait than the gate allows', async () => {
  const version = await publish({ within: '1h' }, { status: 503, headers: { 'retry-after': '3600' } });
  expect(await end(version)).toMatchObject({
    outcome: 'rejected',
    reason: expect.stringMatching(
      /^the check "e2e" failed, reported by pointsman\/callout: request failed: .*answered 503$/,
    ),
  });
  expect(await world.asked(path, 1)).toHaveLength(1);
  expect(await requests(version)).toEqual([expect.stringMatching(/^failed: .*answered 503$/)]);
});

test('a service that keeps failing opens its circuit breaker, and its check fails when the attempts are used up', async () => {
  const version = await publish({ within: '1h' }, { status: 503 });
  const untilOpen = breakerLimits.failures;
  await world.asked(path, untilOpen);
  // The last of these failures opens the circuit breaker. While the breaker is open, no attempt is sent, even if one
  // is due.
  const asked = await world.asked(path, untilOpen + 1);
  expect(gapsMs(asked)[untilOpen - 1]).toBeGreaterThanOrEqual(breakerLimits.openMs);
  const { outcome, reason, gates } = await end(version);
  expect(outcome).toBe('rejected');
  expect(reason).toMatch(
    /^the check "e2e" failed, reported by pointsman\/callout: request failed: 127\.0\.0\.1/,
  );
  expect(gates).toMatchObject([{ gate: 'e2e', state: 'failed', decisions: [{ by: 'pointsman/callout' }] }]);
  expect((await world.asked(path, 1)).length).toBeLessThanOrEqual(calloutLimits.retries.attempts);
  expect(await requests(version)).toEqual([expect.stringMatching(/^failed: 127\.0\.0\.1/)]);
  const [request] = await world.checks(path, 1);
  expect(await tell(request!.callback.url, { conclusion: 'success' })).toMatchObject({
    status: 410,
    json: { code: 'callback_revoked' },
  });
});

test('a check report after the deadline of its gate gets 410 and changes nothing', async () => {
  const version = await publish({ within: '5s' });
  const [request] = await world.checks(path, 1);
  const before = await end(version);
  expect(before).toMatchObject({
    outcome: 'rejected',
    reason: `the gate "e2e" was not decided before its deadline, ${request!.deadline}`,
  });
  for (const conclusion of ['success', 'failure']) {
    expect(await tell(request!.callback.url, { conclusion })).toMatchObject({
      status: 410,
      json: { code: 'callback_expired', deadlineAt: request!.deadline },
    });
  }
  expect(await found(version)).toEqual(before);
  expect(before.gates).toMatchObject([{ state: 'expired', decisions: [] }]);
  expect(await findPointer(world.plane.db, { tenant, bundle: 'bundle', channel: 'live' })).toMatchObject({
    generation: 0,
  });
});
