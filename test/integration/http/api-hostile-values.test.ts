import { afterAll, beforeAll, expect, test } from 'vitest';

import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import type { TestAnswer } from '../../support/processes/api.ts';
import { type AskedWorld, givePolicy, startAskedWorld } from '../../support/worlds/asked-world.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { hostileDocuments } from '../../support/data/hostile-values.ts';
import {
  type HostileRequest,
  hostileRequests,
  operationsOf,
  type RightValues,
} from '../../support/data/hostile-requests.ts';
import { rightValues } from '../../support/data/right-values.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { signedPushes } from '../../support/data/signed-pushes.ts';

const SECRET = newWebhookSecret();
const AT_ONCE = 16;

let world: AskedWorld;
let tenant: string;
let right: RightValues;
let document: unknown;

beforeAll(async () => {
  world = await startAskedWorld();
  tenant = await newTenant(world.plane);
  // Creates one live release, and one that waits for an approval, a report and a requested check.
  const live = await accepted(world.plane, tenant, { files: { 'a.json': '{}' } });
  const { digest } = await settled(world.plane, tenant, live);
  const within = '1h';
  const gates = [
    { approval: { name: 'release', within } },
    { check: { name: 'e2e', within } },
    { check: { name: 'asked', url: world.address('/check'), within } },
  ];
  await givePolicy(world.plane, tenant, { channels: { live: { gates } } });
  const waiting = await accepted(world.plane, tenant, { files: { 'a.json': '{"n":1}' } });
  const [check] = await world.checks('/check', 1);
  const capability = check!.callback.url.split('/').at(-1)!;
  right = rightValues({ tenant, digest: digest ?? '', waiting, capability, secret: SECRET });
  for (const name of ['setHook', 'setSink', 'acknowledge']) {
    const operation = operationsOf(await openApi()).find(({ operationId }) => operationId === name)!;
    const path = operation.path.replaceAll(
      /\{(\w+)\}/g,
      (_whole, key: string) => right.parameters[key] ?? '',
    );
    const answer = await world.api.call(operation.method, path, { json: right.bodies[name] });
    expect(answer.status, answer.text).toBeLessThan(300);
  }
  document = await openApi();
});
afterAll(() => world.stop());

const openApi = async (): Promise<unknown> => (await world.api.call('GET', '/openapi.json')).json;

/** Sends all requests, a few at once. Returns a line for each response with a 5xx status. */
async function serverErrors<T>(
  requests: Iterable<T>,
  ask: (request: T) => Promise<TestAnswer>,
  name: (request: T) => string,
): Promise<{ asked: number; broken: string[] }> {
  const iterator = requests[Symbol.iterator]();
  const broken: string[] = [];
  let asked = 0;
  const work = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      asked += 1;
      const { status, text } = await ask(next.value);
      if (status >= 500) broken.push(`${name(next.value)} → ${status} ${text.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { asked, broken };
}

test('a hostile value in any parameter or body of any operation never gets a 5xx response', async () => {
  const { asked, broken } = await serverErrors<HostileRequest>(
    hostileRequests(document, right),
    ({ method, path, headers, body }) =>
      world.api.call(method, path, { headers, ...(body === null ? {} : { body }) }),
    ({ operationId, at, path, body }) => `${operationId}, ${at}: ${path} ${body?.slice(0, 300) ?? ''}`,
  );
  expect(broken).toEqual([]);
  expect(asked).toBeGreaterThan(3_000);
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});

test('the hostile-value tests send a JSON body to every operation that takes one', () => {
  const without = operationsOf(document).filter(
    ({ operationId, requestBody }) => requestBody !== undefined && right.bodies[operationId] === undefined,
  );
  expect(without.map(({ operationId }) => operationId)).toEqual(['uploadCallbackBlob', 'deliver']);
});

test.each(Object.entries(signedPushes('http://127.0.0.1:1/a.tgz')))(
  'a hostile value in a signed payload of %s never gets a 5xx response',
  async (provider, push) => {
    const path = `/v1/tenants/${tenant}/hooks/${provider}`;
    const rule = {
      provider,
      repository: push.repository,
      ref: 'refs/heads/*',
      bundle: 'pushed',
      secret: SECRET,
    };
    expect((await world.api.call('PUT', path, { json: rule })).status).toBe(201);
    const { broken } = await serverErrors(
      hostileDocuments(push.payload),
      (body) => {
        const headers = {
          authorization: '',
          'content-type': 'application/json',
          ...push.headers(SECRET, body),
        };
        return world.api.call('POST', `${path}/deliveries`, { headers, body });
      },
      (body) => body.slice(0, 500),
    );
    expect(broken).toEqual([]);
  },
);

test('every operation refuses an idempotency key with the prefix that is reserved for hook deliveries before any other check', async () => {
  const keyed = operationsOf(document).filter(({ parameters }) =>
    parameters.some(({ name }) => name.toLowerCase() === 'idempotency-key'),
  );
  expect(keyed.length).toBeGreaterThan(10);
  for (const { method, path } of keyed) {
    const address = path.replaceAll(/\{\w+\}/g, 'nobody');
    const answer = await world.api.call(method, address, { headers: { 'idempotency-key': 'hook/main/1' } });
    expect([answer.status, answer.json['detail']], `${method} ${path}`).toEqual([
      422,
      'header idempotency-key: must not begin with "hook/": this prefix is reserved for the deliveries of hooks',
    ]);
  }
});
