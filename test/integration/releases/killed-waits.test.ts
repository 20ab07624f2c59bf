import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { releaseKey } from '../../../packages/protocol/identifiers.ts';
import { type AskedWorld, givePolicy, startAskedWorld } from '../../support/worlds/asked-world.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { addWebhook, requireSinks, startEndpoint } from '../../support/worlds/sink-world.ts';

let world: AskedWorld;

beforeAll(async () => {
  world = await startAskedWorld();
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => world.stop());

/** The query that docs/guides/operating.md shows to operators. */
const WAITING_RELEASES = `SELECT s.service_key, s.value_utf8 FROM state s
  JOIN sys_invocation i ON i.target_service_name = s.service_name AND i.target_service_key = s.service_key
  WHERE s.service_name = 'Release' AND s.key = 'waitingFor' AND i.target_handler_name = 'run' AND i.status <> 'completed'`;

const keysOf = async (sql: string) =>
  (await world.plane.admin.query(sql)).map((row) => String(row['service_key']));

/** For each cause of a wait: a function that lets a release of the tenant wait for it. */
const waits: Record<string, (tenant: string) => Promise<unknown>> = {
  'an approval': (tenant) =>
    givePolicy(world.plane, tenant, { channels: { live: { gates: [{ approval: { name: 'release' } }] } } }),
  'a remote compiler': (tenant) =>
    givePolicy(world.plane, tenant, {
      compile: { executor: 'http', url: world.address(`/${tenant}`), within: '1h' },
    }),
  'a required sink': async (tenant) => {
    const endpoint = await startEndpoint();
    endpoint.answers(503);
    await addWebhook(world.plane, tenant, endpoint);
    await requireSinks(world.plane, tenant, 'freeze');
  },
};

test.each(Object.keys(waits))(
  'a release that an operator kills while it waits for %s settles, and its waiting state is cleared',
  async (what) => {
    const tenant = await newTenant(world.plane);
    await waits[what]?.(tenant);
    const version = await accepted(world.plane, tenant);
    const key = releaseKey({ tenant, bundle: 'bundle', version });
    await eventually(async () => (await keysOf(WAITING_RELEASES)).includes(key), {
      what: 'the documented query shows the release',
    });
    const [run] = await world.plane.admin.query(
      `SELECT id FROM sys_invocation WHERE target = 'Release/${key}/run'`,
    );
    await world.plane.admin.killInvocation(String(run?.['id']));
    await eventually(async () => !(await keysOf(WAITING_RELEASES)).includes(key), {
      what: 'the documented query no longer shows the release',
    });
    expect(await settled(world.plane, tenant, version)).toMatchObject({ outcome: 'errored' });
    const left = `SELECT service_key FROM state WHERE service_name = 'Release' AND service_key = '${key}' AND key = 'waitingFor'`;
    await eventually(async () => (await keysOf(left)).length === 0, { what: 'its state is cleared' });
  },
);
