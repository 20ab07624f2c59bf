import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises';
import { connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, HttpCallError } from '@restatedev/restate-sdk-clients';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/runs/eventually.ts';
import { nothingRuns } from '../../support/processes/processes.ts';
import { startTestStack, type TestStack } from '../../support/processes/stack.ts';

// This file is not part of the replay run, because it tests tokens. api-publish.test.ts and approvals.test.ts run the
// same handlers with Restate replaying.

let folder: string;
let stack: TestStack;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pointsman-callers-')));
  stack = await startTestStack({ home: join(folder, 'home') });
  await api(stack, 'POST', '/v1/tenants', { tenant: 'acme' });
});
afterAll(async () => {
  await stack.stop();
  await nothingRuns(folder);
  await rm(folder, { recursive: true });
});

describe('the port of the worker', () => {
  const paths = ['/invoke/Tenant/publish', '/invoke/Tenant/swap', '/invoke/Release/run', '/discover'];

  test.each(paths)('refuses %s without a signature', async (path) => {
    expect(await callWorker(path)).toBe(401);
  });

  test('accepts a call that is signed with the key of the data directory, and refuses a call that another key has signed in its name', async () => {
    const path = '/invoke/Tenant/publish';
    const { pemFile, publicKey } = await homeKey();
    const own = createPrivateKey(await readFile(pemFile, 'utf8'));
    const others = generateKeyPairSync('ed25519').privateKey;
    expect(await callWorker(path, signature(others, publicKey, path))).toBe(401);
    expect(await callWorker(path, signature(own, publicKey, path))).not.toBe(401);
  });

  test('accepts calls from the Restate of the stack, so a publish goes live', async () => {
    expect(await publish(stack)).toBe('published');
  });

  test('logs each refused call, and does not warn that it accepts unsigned calls', async () => {
    const before = stack.said.length;
    expect(await callWorker('/invoke/Tenant/publish')).toBe(401);
    await eventually(async () => stack.said.length > before, { what: 'the stack prints a warning' });
    expect(stack.said.filter((line) => !line.startsWith('worker: error: Rejecting request'))).toEqual([]);
  });
});

describe('the ingress of Restate', () => {
  const words = { bundle: 'bot', channel: 'live', version: 1 };

  test.each(['Tenant/acme/swap', 'Tenant/acme/settled', 'Tenant/acme/settled/send'])(
    'refuses %s, which only a release can send to its tenant',
    async (path) => {
      expect(await callIngress(path, words)).toMatchObject({ status: 400, text: notPublic });
    },
  );

  test.each(['run', 'run/send'])(
    'refuses Release/…/%s, because only a tenant starts a release',
    async (path) => {
      const answer = await callIngress(`Release/${encodeURIComponent('acme/bot/v99')}/${path}`, {
        channel: 'live',
        source: `sha256:${'0'.repeat(64)}`,
      });
      expect(answer).toMatchObject({ status: 400, text: notPublic });
    },
  );

  test('lets a client wait for the end of a release that it could not start', async () => {
    const version = await accept(stack);
    const release = connect({ url: stack.restate.ingressUrl }).workflowClient<Attachable>(
      { name: 'Release' },
      `acme/bot/v${version}`,
    );
    const verdict = await eventually(
      () =>
        release.workflowAttach().catch((error: unknown) => {
          // The tenant responds before its message has started the release, so the release may not exist yet.
          if (error instanceof HttpCallError && error.status === 404) return null;
          throw error;
        }),
      { what: 'the release is there' },
    );
    expect(verdict).toEqual({ outcome: 'published', reason: null });
  });
});

test('a restarted stack, and a stack on a copy of its data directory, keep the signing key and publish', async () => {
  const { pemFile, publicKey } = await homeKey();
  expect((await stat(pemFile)).mode & 0o777).toBe(0o600);
  await stack.stop();
  await cp(join(folder, 'home'), join(folder, 'copy'), { recursive: true, preserveTimestamps: true });
  for (const name of ['copy', 'home']) {
    stack = await startTestStack({ home: join(folder, name) });
    expect((await homeKey()).publicKey).toBe(publicKey);
    expect(await publish(stack)).toBe('published');
    expect(await callWorker('/invoke/Tenant/publish')).toBe(401);
    await stack.stop();
  }
});

const notPublic = expect.stringContaining('not public') as string;

type Attachable = { run: (context: unknown, input: unknown) => Promise<{ outcome: string }> };

/** The key of Restate's own requests. Restate logs its public part. */
async function homeKey(): Promise<{ pemFile: string; publicKey: string }> {
  const log = await readFile(join(stack.home, 'logs', 'restate.log'), 'utf8');
  const publicKey = /publickeyv1_\w+/.exec(log)?.[0];
  if (publicKey === undefined) throw new Error('Restate names no key of its own');
  return { pemFile: join(stack.home, 'request-identity.pem'), publicKey };
}

/** Signs a call as Restate does: with a JWT for one path, which is valid for a minute. */
function signature(key: KeyObject, publicKey: string, path: string): OutgoingHttpHeaders {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { aud: path, iat: now, nbf: now - 60, exp: now + 60 };
  const head = { typ: 'JWT', alg: 'EdDSA', kid: publicKey };
  const signed = [head, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const proof = sign(null, Buffer.from(signed), key).toString('base64url');
  return { 'x-restate-signature-scheme': 'v1', 'x-restate-jwt-v1': `${signed}.${proof}` };
}

async function callWorker(path: string, headers: OutgoingHttpHeaders = {}): Promise<number> {
  const ports = JSON.parse(await readFile(join(stack.home, 'ports.json'), 'utf8')) as { worker: number };
  const session = connectHttp2(`http://127.0.0.1:${ports.worker}`);
  try {
    const request = session.request({
      ':method': path === '/discover' ? 'GET' : 'POST',
      ':path': path,
      'content-type': 'application/vnd.restate.invocation.v5',
      accept: 'application/vnd.restate.endpointmanifest.v3+json',
      ...headers,
    });
    request.end();
    const [answer] = (await once(request, 'response')) as [{ ':status': number }];
    return answer[':status'];
  } finally {
    session.destroy();
  }
}

async function callIngress(path: string, body: unknown): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${stack.restate.ingressUrl}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  return { status: answer.status, text: await answer.text() };
}

let made = 0;

async function accept(on: TestStack): Promise<number> {
  const files = { 'bot.json': JSON.stringify({ made: ++made }) };
  const release = await api(on, 'POST', '/v1/tenants/acme/bundles/bot/releases', { files });
  return release['version'] as number;
}

/** Publishes another release and returns its outcome. */
async function publish(on: TestStack): Promise<unknown> {
  const path = `/v1/tenants/acme/bundles/bot/releases/${await accept(on)}`;
  return eventually(async () => (await api(on, 'GET', path))['outcome'] as string | null, {
    what: 'it is settled',
  });
}

async function api(
  on: TestStack,
  method: string,
  path: string,
  json?: unknown,
): Promise<Record<string, unknown>> {
  const answer = await fetch(on.apiUrl + path, {
    method,
    headers: { authorization: `Bearer ${on.adminToken}`, 'content-type': 'application/json' },
    body: json === undefined ? null : JSON.stringify(json),
    signal: AbortSignal.timeout(60_000),
  });
  expect(answer.ok, `${method} ${path}: ${answer.status}`).toBe(true);
  return (await answer.json()) as Record<string, unknown>;
}
