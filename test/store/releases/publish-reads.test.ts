import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { NO_POLICY, Policy } from '../../../core/policy.ts';
import { hashToken } from '../../../services/config/settings.ts';
import { putPolicy } from '../../../services/postgres/channels/policies.ts';
import { startedRelease } from '../../../services/api/releases/release-view.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { findForPublish, readPublishContext } from '../../../services/postgres/releases/publish-reads.ts';
import { createToken } from '../../../services/postgres/tenants/tokens.ts';
import { policyRequest } from '../../support/data/policies.ts';
import {
  admitRequest,
  admitted,
  AT,
  newTenant,
  published,
  putArtifact,
  putCompilation,
  putSource,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

const put = (tenant: string, policy: unknown) =>
  putPolicy(store.db, policyRequest(tenant, Policy.parse(policy)));

describe('the terms of a publish', () => {
  const terms = (tenant: string, key: string | null = null) =>
    readPublishContext(store.db, tenant, { sha256: null, key });

  test('the terms contain the conflict rules and the executor of the latest policy', async () => {
    const tenant = await newTenant(store);
    const none = { tenantExists: true, executor: 'local', conflictRules: [], token: null };
    expect(await terms(tenant)).toMatchObject(none);
    await put(tenant, { channels: { live: { onConflict: 'reject' } } });
    const compile = { executor: 'http', url: 'https://ci.example/compile' };
    await put(tenant, { compile, channels: { live: { onConflict: 'queue' }, canary: {} } });
    expect(await terms(tenant)).toMatchObject({
      executor: 'http',
      conflictRules: [{ channel: 'live', rule: 'queue' }],
    });
    await put(tenant, NO_POLICY);
    expect(await terms(tenant)).toMatchObject(none);
  });

  test('the terms state whether the tenant exists and whether it has used the idempotency key before', async () => {
    const [tenant, other] = [await newTenant(store), await newTenant(store)];
    await published(store, { tenant, bundle: 'bundle', version: 1 }, { idempotencyKey: 'mine' });
    expect(await terms(tenant, 'mine')).toMatchObject({ isRepeated: true });
    expect(await terms(tenant, 'other')).toMatchObject({ isRepeated: false });
    expect(await terms(other, 'mine')).toMatchObject({ isRepeated: false });
    expect(await terms('nobody-knows', 'mine')).toMatchObject({ tenantExists: false, isRepeated: false });
  });

  test('the token is found with the terms, and a token of another tenant or an unknown token gets no terms of this tenant', async () => {
    const [tenant, other] = [await newTenant(store), await newTenant(store)];
    await put(tenant, { channels: { live: { onConflict: 'queue' } } });
    const issued = async (of: string | null) => {
      const sha256 = hashToken(crypto.randomUUID());
      const request = {
        id: crypto.randomUUID(),
        name: `ci-${sha256.slice(0, 20)}`,
        tenant: of,
        roles: ['publisher'],
        sha256,
      } as const;
      const asked = {
        by: 'admin',
        idempotencyKey: sha256,
        fingerprint: digestOf(sha256),
        requestId: 'x',
        at: AT,
      };
      expect(await createToken(store.db, { ...request, ...asked })).toMatchObject({ kind: 'made' });
      return readPublishContext(store.db, tenant, { sha256, key: null });
    };
    const visible = { tenantExists: true, conflictRules: [{ channel: 'live', rule: 'queue' }] };
    expect(await issued(tenant)).toMatchObject({ ...visible, token: { tenant, roles: ['publisher'] } });
    expect(await issued(null)).toMatchObject({ ...visible, token: { tenant: null } });
    const hidden = { tenantExists: false, conflictRules: [] };
    expect(await issued(other)).toMatchObject({ ...hidden, token: { tenant: other } });
    const unknown = await readPublishContext(store.db, tenant, { sha256: hashToken('unknown'), key: null });
    expect(unknown).toMatchObject({ ...hidden, token: null });
  });
});

describe('a release that an admission has started', () => {
  test.each([null, AT + 1_000])(
    'the release that is composed from the request equals the stored one (earliest time: %s)',
    async (notBefore) => {
      const tenant = await newTenant(store);
      await put(tenant, { channels: { live: { gates: [{ approval: { name: 'release' } }] } } });
      const id = { tenant, bundle: 'bundle', version: 1 };
      const request = await admitRequest(store, id, { notBefore, message: 'first' });
      const answer = await store.admissions.admit(request);
      if (answer.kind !== 'accepted' || answer.started === undefined) throw new Error(answer.kind);
      const composed = startedRelease({ ...request, notBefore, version: answer.version }, answer.started);
      expect(composed).toEqual(await findRelease(store.db, id));
    },
  );

  test('a queued release and a repeated request must be read from the database', async () => {
    const tenant = await newTenant(store);
    await admitted(store, { tenant, bundle: 'bundle', version: 1 });
    const id = { tenant, bundle: 'bundle', version: 2 };
    const request = await admitRequest(store, id, { placement: 'queue', inFlight: 1 });
    for (const replayed of [false, true])
      expect(await store.admissions.admit(request)).toEqual({
        kind: 'accepted',
        version: 2,
        replayed,
        superseded: [],
      });
  });
});

describe('a source that is about to be published', () => {
  test('the source is known with the warnings of its compilation, for the compiler of the latest policy only', async () => {
    const tenant = await newTenant(store);
    const { digest: source } = await putSource(store, tenant, 'source');
    const find = () => findForPublish(store.db, tenant, source);
    expect(await findForPublish(store.db, tenant, digestOf('other'))).toEqual({
      stored: false,
      warnings: null,
    });
    expect(await find()).toEqual({ stored: true, warnings: null });
    const id = { tenant, bundle: 'bundle', version: 1 };
    await admitted(store, id, { source });
    await putCompilation(store, id, [{ channel: null, digest: await putArtifact(store, tenant, 'x') }]);
    expect(await find()).toEqual({ stored: true, warnings: [] });
    await put(tenant, { compile: { executor: 'http', url: 'https://ci.example/compile' } });
    expect(await find()).toEqual({ stored: true, warnings: null });
    const other = await newTenant(store);
    expect(await findForPublish(store.db, other, source)).toEqual({ stored: false, warnings: null });
  });
});
