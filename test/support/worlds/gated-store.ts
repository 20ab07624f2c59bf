import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import type { ReleaseId } from '../../../packages/protocol/identifiers.ts';
import { Policy } from '../../../core/policy.ts';
import type { DecisionResult, DecisionRequest } from '../../../handlers/contract/release.ts';
import type { Gates } from '../../../handlers/ports/gates.ts';
import { postgresGates } from '../../../services/postgres/releases/gates.ts';
import { findReleaseProgress, type ReleaseProgress } from '../../../services/postgres/releases/releases.ts';
import { contradictions } from '../runs/record-check.ts';
import { AT, newTenant, readyToSwap, startStore, type Store } from './store.ts';

const HOUR = 3_600_000;

export type Decided = Partial<DecisionRequest & ReleaseId & { at: number }>;

/** A database with a new tenant for each test. Tests decide on the gates of the tenant's bundle "bundle". */
export interface GatedStore {
  readonly store: Store;
  readonly gates: Gates;
  readonly tenant: string;
  /** The approximate time at which the gates of this test were opened. */
  readonly openedAt: number;
  release(version: number): ReleaseId;
  /** Creates another tenant and uses it from now on. */
  moveIn(): Promise<void>;
  /** Stores a new version of the tenant's policy, with these gates on its live channel. */
  policy(...rules: unknown[]): Promise<void>;
  /** Stores a new version of the tenant's policy. */
  wholePolicy(policy: unknown): Promise<void>;
  /** Creates a release by Ann that waits at those gates. Returns its digest. */
  waiting(version: number, ...rules: unknown[]): Promise<string>;
  /** Submits a decision. By default Alice approves, an hour after the gates were opened. */
  say(version: number, decision?: Decided): Promise<DecisionResult>;
  evaluate(version: number, afterMs?: number): ReturnType<Gates['evaluate']>;
  found(version: number): Promise<ReleaseProgress>;
  /** The recorded changes of that release's gates, in order. */
  history(version: number): Promise<string[]>;
  swap(version: number, expectedGeneration: number): ReturnType<Store['moves']['moveByRelease']>;
}

/** Sets up the database for each test of the calling file. Each test ends with a check of the database's invariants. */
export function gatedStore(): GatedStore {
  let store: Store;
  let tenant: string;
  let openedAt = 0;
  beforeAll(async () => {
    store = await startStore();
    await store.owner.query('SET search_path = pointsman');
  });
  beforeEach(async () => {
    tenant = await newTenant(store);
    openedAt = Date.now();
  });
  afterEach(async () => {
    expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
  });
  afterAll(() => store.stop());

  const bench: GatedStore = {
    get store() {
      return store;
    },
    get gates() {
      return postgresGates(store.db);
    },
    get tenant() {
      return tenant;
    },
    get openedAt() {
      return openedAt;
    },
    release: (version) => ({ tenant, bundle: 'bundle', version }),
    async moveIn() {
      tenant = await newTenant(store);
    },
    async policy(...rules) {
      await bench.wholePolicy({ channels: { live: { gates: rules } } });
    },
    async wholePolicy(policy) {
      const document = Policy.parse(policy);
      await store.owner.query(
        `INSERT INTO policies (tenant, version, document, by, at)
         SELECT $1, coalesce(max(version), 0) + 1, $2, 'test', now() FROM policies WHERE tenant = $1`,
        [tenant, document],
      );
    },
    async waiting(version, ...rules) {
      await bench.policy(...rules);
      return readyToSwap(store, bench.release(version));
    },
    say: (version, decision = {}) =>
      bench.gates.recordDecision(...aDecision({ ...bench.release(version), ...decision }, openedAt + HOUR)),
    evaluate: (version, afterMs = HOUR) => bench.gates.evaluate(bench.release(version), openedAt + afterMs),
    async found(version) {
      const progress = await findReleaseProgress(store.db, bench.release(version));
      if (progress === null) throw new Error(`there is no v${version}`);
      return progress;
    },
    history: async (version) =>
      (await bench.found(version)).gateChanges.map(({ gate, change, by }) =>
        [gate, change, ...(by === null ? [] : [by])].join(' '),
      ),
    swap: (version, expectedGeneration) =>
      store.moves.moveByRelease({ ...bench.release(version), channel: 'live', expectedGeneration, at: AT }),
  };
  return bench;
}

/** Creates a decision on a release. By default Alice approves the release. */
export function aDecision(
  { tenant, bundle, version, ...decision }: Decided & ReleaseId,
  at: number,
): Parameters<Gates['recordDecision']> {
  return [
    { tenant, bundle, version },
    {
      kind: 'approval',
      gate: null,
      decision: 'approve',
      digest: null,
      by: 'alice',
      roles: ['approver'],
      comment: null,
      url: null,
      idempotencyKey: crypto.randomUUID(),
      fingerprint: digestOf('a word'),
      requestId: 'request',
      at,
      ...decision,
    },
  ];
}
