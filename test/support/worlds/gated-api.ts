import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';

import type { Role } from '../../../packages/protocol/access.ts';
import { startApi, type TestAnswer, type TestApi } from '../processes/api.ts';
import { type ControlPlane, newTenant, settled, sharedControlPlane } from './control-plane.ts';
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

/**
 * The control plane and its API, with a new tenant for each test. Every person in the tenant has a token. All of them work on the bundle
 * "bot".
 */
export interface GatedApi {
  readonly plane: ControlPlane;
  readonly api: TestApi;
  readonly tenant: string;
  /** The bearer token of a person in this test's tenant. */
  token(person: Person): string;
  /**
   * Sends a request about a release or about another resource of the tenant. A number is the version of a release,
   * and a text is a path.
   */
  call(
    who: Person,
    method: string,
    what: number | string,
    path?: string,
    json?: unknown,
  ): Promise<TestAnswer>;
  /** Sends a decision with these headers. */
  say(
    who: Person,
    version: number,
    path: string,
    json: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TestAnswer>;
  policy(...rules: unknown[]): Promise<void>;
  /** Publishes a release as CI, unless the test names another person. Returns the version. */
  publish(who?: Person, text?: string): Promise<number>;
  /** Waits until a release is waiting at `count` gates. Returns its digest. */
  waiting(version: number, count?: number): Promise<string>;
  settled(version: number): ReturnType<typeof settled>;
  /** Approves the release by its digest. */
  approve(who: Person, version: number, more?: Readonly<Record<string, unknown>>): Promise<TestAnswer>;
}

/** Sets up the API for each test of the calling file. Each test ends with a check of the database's invariants. */
export function gatedApi(): GatedApi {
  let plane: ControlPlane;
  let api: TestApi;
  let tenant: string;
  const tokens = new Map<Person, string>();
  let published = 0;

  beforeAll(async () => {
    plane = await sharedControlPlane();
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

/** Fails the test unless the response is the expected problem. */
export function expectProblem(answer: TestAnswer, status: number, code: string): void {
  expect([answer.status, answer.json['code'], answer.headers.get('content-type')], answer.text).toEqual([
    status,
    code,
    'application/problem+json',
  ]);
}
