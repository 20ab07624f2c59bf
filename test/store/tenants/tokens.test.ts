import type { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { hashToken } from '../../../services/config/settings.ts';
import {
  createToken,
  findToken,
  findTokenById,
  listTokens,
  type NewToken,
  revokeToken,
  type TokenRecord,
} from '../../../services/postgres/tenants/tokens.ts';
import { limitTenant } from '../../support/data/quotas.ts';
import { admitRequest, AT, connect, newTenant, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let app: Client;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
  await store.owner.query('SET search_path = pointsman');
  app = await connect(store.postgres.appUrl);
  await app.query('SET search_path = pointsman');
});
beforeEach(async () => {
  tenant = await newTenant(store);
});
afterAll(async () => {
  await app.end();
  await store.stop();
});

function asked(more: Partial<NewToken> = {}): NewToken {
  const id = crypto.randomUUID();
  return {
    id,
    name: 'ci',
    tenant,
    roles: ['publisher'],
    sha256: hashToken(id),
    by: 'admin',
    idempotencyKey: crypto.randomUUID(),
    fingerprint: 'asked',
    requestId: 'request',
    at: AT,
    ...more,
  };
}

async function made(more: Partial<NewToken> = {}): Promise<TokenRecord & { sha256: string }> {
  const request = asked(more);
  const answer = await createToken(store.db, request);
  if (answer.kind !== 'made') throw new Error(`the token was ${JSON.stringify(answer)}`);
  return { ...answer.token, sha256: request.sha256 };
}

const revoked = { by: 'ann', requestId: 'request', at: AT + 1 };

describe('a token', () => {
  test('a token is found by its hash until it is revoked, and stays listed with its first revocation', async () => {
    const { id, sha256 } = await made();
    expect(await findToken(store.db, sha256)).toEqual({ id, name: 'ci', tenant, roles: ['publisher'] });
    expect(await findToken(store.db, hashToken('another'))).toBeNull();
    expect(await revokeToken(store.db, { id, tenant }, revoked)).toBe(true);
    expect(await findToken(store.db, sha256)).toBeNull();
    expect(await revokeToken(store.db, { id, tenant }, { ...revoked, by: 'eve', at: AT + 9 })).toBe(false);
    expect(await findTokenById(store.db, id)).toEqual({
      id,
      name: 'ci',
      tenant,
      roles: ['publisher'],
      createdBy: 'admin',
      createdAt: new Date(AT).toISOString(),
      revokedBy: 'ann',
      revokedAt: new Date(AT + 1).toISOString(),
    });
  });

  test('the search for an unknown token returns null', async () => {
    expect(await findTokenById(store.db, crypto.randomUUID())).toBeNull();
  });

  test('a token of a tenant can be revoked neither by another tenant nor as a platform token', async () => {
    const { id, sha256 } = await made();
    const other = await newTenant(store);
    expect(await revokeToken(store.db, { id, tenant: other }, revoked)).toBe(false);
    expect(await revokeToken(store.db, { id, tenant: null }, revoked)).toBe(false);
    expect(await findToken(store.db, sha256)).not.toBeNull();
  });

  test('a token for an unknown tenant is refused', async () => {
    expect(await createToken(store.db, asked({ tenant: 'nobody' }))).toEqual({ kind: 'no_tenant' });
  });

  test('the audit of the tenant has the authors of the creation and the revocation, and no secret', async () => {
    const { id, sha256 } = await made();
    await revokeToken(store.db, { id, tenant }, revoked);
    const { rows } = await store.owner.query<{ by: string; action: string; detail: { id: string } }>(
      'SELECT by, action, detail FROM audit WHERE tenant = $1 ORDER BY id',
      [tenant],
    );
    expect(rows.map(({ by, action, detail }) => [by, action, detail.id])).toEqual([
      ['admin', 'create token', id],
      ['ann', 'revoke token', id],
    ]);
    expect(JSON.stringify(rows)).not.toContain(sha256);
  });
});

describe('the name of a token', () => {
  test('only one active token of a tenant can have a given name, and the name is free again after its revocation', async () => {
    const first = await made();
    expect(await createToken(store.db, asked())).toEqual({ kind: 'name_taken', id: first.id });
    await revokeToken(store.db, first, revoked);
    expect((await made()).name).toBe('ci');
  });

  test('the same name is free in another tenant, in another letter case and on the platform', async () => {
    await made();
    await made({ name: 'CI' });
    await made({ tenant: await newTenant(store) });
    const own = await made({ tenant: null, name: tenant });
    expect(await createToken(store.db, asked({ tenant: null, name: tenant }))).toEqual({
      kind: 'name_taken',
      id: own.id,
    });
  });

  test('of 20 concurrent requests for one name, exactly one gets it', async () => {
    for (const scope of [tenant, null]) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          createToken(store.db, asked({ tenant: scope, name: `of-${tenant}` })),
        ),
      );
      expect(answers.map(({ kind }) => kind).toSorted()).toEqual([
        'made',
        ...Array.from({ length: 19 }, () => 'name_taken'),
      ]);
    }
  });

  test.each(['admin', 'ADMIN', 'platform/x', '-x', '', 'x'.repeat(64), 'a b', 'a\n'])(
    '%j is refused as a name',
    async (name) => {
      await expect(createToken(store.db, asked({ name }))).rejects.toThrow('refused a statement');
    },
  );
});

describe('the idempotency key of a token', () => {
  test('an idempotency key creates one token, even when many requests use it at the same time', async () => {
    for (const scope of [tenant, null]) {
      const key = crypto.randomUUID();
      const ask = () =>
        createToken(store.db, asked({ tenant: scope, name: `k-${tenant}`, idempotencyKey: key }));
      const answers = await Promise.all(Array.from({ length: 20 }, ask));
      const [one] = answers.filter(({ kind }) => kind === 'made');
      const id = one?.kind === 'made' ? one.token.id : 'none';
      expect(answers.filter((answer) => answer !== one)).toEqual(
        Array.from({ length: 19 }, () => ({ kind: 'made_before', id })),
      );
      // After the token is revoked, its idempotency key still belongs to it.
      await revokeToken(store.db, { id, tenant: scope }, revoked);
      expect(await ask()).toEqual({ kind: 'made_before', id });
    }
  });

  test('an idempotency key that another request for a token or for a publish has used is refused', async () => {
    const { idempotencyKey } = await usedKey();
    expect(await createToken(store.db, asked({ idempotencyKey, name: 'b', fingerprint: 'other' }))).toEqual({
      kind: 'key_reused',
    });
    const release = { tenant, bundle: 'bundle', version: 1 };
    const late = await admitRequest(store, release, { idempotencyKey });
    expect(await store.admissions.admit(late)).toEqual({ kind: 'key_reused' });
    const published = await admitRequest(store, release);
    expect(await store.admissions.admit(published)).toMatchObject({ kind: 'accepted' });
    expect(
      await createToken(store.db, asked({ name: 'c', idempotencyKey: published.idempotencyKey })),
    ).toEqual({
      kind: 'key_reused',
    });
  });

  test('an idempotency key belongs to its tenant', async () => {
    const { idempotencyKey } = await usedKey();
    const elsewhere = asked({ tenant: await newTenant(store), idempotencyKey });
    expect(await createToken(store.db, elsewhere)).toMatchObject({ kind: 'made' });
  });

  async function usedKey(): Promise<NewToken> {
    const request = asked();
    expect(await createToken(store.db, request)).toMatchObject({ kind: 'made' });
    return request;
  }
});

test('the number of active tokens is limited, and a revoked token makes room', async () => {
  await limitTenant(store.db, tenant, { tokens: 2 });
  const first = await made({ name: 'a' });
  await made({ name: 'b' });
  expect(await createToken(store.db, asked({ name: 'c' }))).toEqual({
    kind: 'quota_exceeded',
    quota: 'tokens',
    used: 2,
    limit: 2,
  });
  await revokeToken(store.db, first, revoked);
  await made({ name: 'c' });
});

describe('the list of tokens', () => {
  test('tokens are listed newest first, in pages, by tenant and by state', async () => {
    const others = await made({ tenant: await newTenant(store), at: AT + 50 });
    const platforms = await made({ tenant: null, name: `p-${tenant}`, at: AT + 60 });
    const own: TokenRecord[] = [];
    // Two tokens of a pair have the same time, so that a page can end between them.
    for (const at of [1, 1, 2, 2, 3]) own.push(await made({ name: `n${own.length}`, at: AT + at }));
    await revokeToken(store.db, own[0]!, revoked);
    const seen: string[] = [];
    let after: TokenRecord | undefined;
    do {
      const page = await listTokens(store.db, {
        tenant,
        state: 'all',
        limit: 2,
        ...(after ? { after } : {}),
      });
      seen.push(...page.map(({ id }) => id));
      after = page.at(-1);
    } while (after !== undefined);
    expect(seen).toEqual(
      own.toSorted((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? 1 : -1)).map(({ id }) => id),
    );
    const idsOf = async (of: string | null, state: 'active' | 'revoked' | 'all') =>
      (await listTokens(store.db, { tenant: of, state, limit: 1_000 })).map(({ id }) => id);
    expect(await idsOf(tenant, 'revoked')).toEqual([own[0]!.id]);
    expect((await idsOf(tenant, 'active')).toSorted()).toEqual(
      own
        .slice(1)
        .map(({ id }) => id)
        .toSorted(),
    );
    expect((await idsOf(null, 'active')).slice(0, 2)).toEqual([platforms.id, others.id]);
  });
});

describe('the app’s role', () => {
  const functions = [
    ['find_token', `find_token('${'0'.repeat(64)}')`],
    ['get_token', `get_token('x')`],
    ['list_tokens', `list_tokens(NULL, true, true, 'infinity', '', 1000)`],
  ] as const;

  test.each([
    'SELECT sha256 FROM tokens',
    'SELECT id FROM tokens',
    `UPDATE tokens SET revoked_at = NULL`,
    `INSERT INTO tokens (id) VALUES ('x')`,
    'DELETE FROM tokens',
  ])('the app’s role may not run %s', async (sql) => {
    await expect(app.query(sql)).rejects.toMatchObject({ code: '42501' });
  });

  test.each(functions)('%s does not return a hash to the app’s role', async (_name, call) => {
    const hashes = [await made(), await made({ tenant: null, name: `x-${tenant}` })].map(
      ({ sha256 }) => sha256,
    );
    const { rows } = await app.query(`SELECT * FROM ${call}`);
    for (const hash of hashes) expect(JSON.stringify(rows)).not.toContain(hash);
  });
});
