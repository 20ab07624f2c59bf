import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';

import type { Role } from '../../../packages/protocol/access.ts';
import { startApi, type TestAnswer, type TestApi } from '../processes/api.ts';
import { type ControlPlane, newTenant, settled, startControlPlane } from './control-plane.ts';
import { waitingGates, withPolicy } from '../data/gates.ts';
import { contradictions } from '../runs/record-check.ts';
import { as, madeToken } from '../data/tokens.ts';

export type Person = 'ci' | 'e2e' | 'alice' | 'bob' | 'viewer' | 'root';

const ROLES: Readonly<Record<Person, readonly Role[]>> = {
  ci: ['publisher'],
  e2e: ['reporter'],
  alice: ['approver'],
  bob: ['approver', 'publisher'],
  viewer: ['viewer'],
  root: ['admin'],
};

/** Everything, with a new tenant for each test, whose people have a token each; they work on the bundle "bot". */
export interface GatedApi {
  readonly plane: ControlPlane;
  readonly api: TestApi;
  readonly tenant: string;
  /** The bearer token of somebody in this test's tenant. */
  token(person: Person): string;
  /** A call to a release by its number, or to another address below the tenant. */
  call(
    who: Person,
    method: string,
    what: number | string,
    path?: string,
    json?: unknown,
  ): Promise<TestAnswer>;
  /** With headers. */
  say(
    who: Person,
    version: number,
    path: string,
    json: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TestAnswer>;
  policy(...rules: unknown[]): Promise<void>;
  /** Publishes, as CI unless it is said otherwise, and gives the version. */
  publish(who?: Person, text?: string): Promise<number>;
  /** A release that waits at so many gates; its digest. */
  waiting(version: number, count?: number): Promise<string>;
  settled(version: number): ReturnType<typeof settled>;
  /** A word with the digest that the release has. */
  approve(who: Person, version: number, more?: Readonly<Record<string, unknown>>): Promise<TestAnswer>;
}

/** For every test of the file that calls this; each ends with a record in which nothing contradicts a promise. */
export function gatedApi(): GatedApi {
  let plane: ControlPlane;
  let api: TestApi;
  let tenant: string;
  const tokens = new Map<Person, string>();
  let published = 0;

  beforeAll(async () => {
    plane = await startControlPlane();
    api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
  });
  beforeEach(async () => {
    tenant = await newTenant(plane);
    for (const name of Object.keys(ROLES) as Person[]) {
      tokens.set(name, (await madeToken(api, { name, tenant, roles: ROLES[name] })).token);
    }
  });
  afterEach(async () => {
    expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
  });
  afterAll(async () => {
    await api.stop();
    await plane.stop();
  });

  const bench: GatedApi = {
    get plane() {
      return plane;
    },
    get api() {
      return api;
    },
    get tenant() {
      return tenant;
    },
    token: (person) => tokens.get(person) ?? '',
    call: (who, method, what, path = '', json) => {
      const below = typeof what === 'number' ? `bundles/bot/releases/${what}${path}` : `${what}${path}`;
      const body = json === undefined ? {} : { json };
      return api.call(method, `/v1/tenants/${tenant}/${below}`, as(bench.token(who), body));
    },
    say: (who, version, path, json, headers = {}) =>
      api.call(
        'POST',
        `/v1/tenants/${tenant}/bundles/bot/releases/${version}${path}`,
        as(bench.token(who), { json, headers }),
      ),
    policy: (...rules) => withPolicy(plane, tenant, rules),
    async publish(who = 'ci', text = `n: ${++published}`) {
      const answer = await bench.call(who, 'POST', 'bundles/bot/releases', '', { files: { 'a.yaml': text } });
      expect(answer.status, answer.text).toBe(202);
      return Number(answer.json['version']);
    },
    async waiting(version, count = 1) {
      const open = await waitingGates(plane, tenant, count);
      const [gate] = open.filter((one) => one.version === version);
      if (gate === undefined) throw new Error(`v${version} does not wait`);
      return gate.digest;
    },
    settled: (version) => settled(plane, tenant, version, { bundle: 'bot' }),
    async approve(who, version, more = {}) {
      const { json } = await bench.call('viewer', 'GET', version);
      return bench.say(who, version, '/approvals', { decision: 'approve', digest: json['digest'], ...more });
    },
  };
  return bench;
}

/** Fails the test unless that is the problem that was answered. */
export function expectProblem(answer: TestAnswer, status: number, code: string): void {
  expect([answer.status, answer.json['code'], answer.headers.get('content-type')], answer.text).toEqual([
    status,
    code,
    'application/problem+json',
  ]);
}
