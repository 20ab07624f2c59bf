import { randomUUID } from 'node:crypto';

import { type ApiProcess, startApiProcess } from '../support/api-process.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import type { RightValues } from '../support/hostile-requests.ts';
import { rightValues } from '../support/right-values.ts';
import { newWebhookSecret } from '../../services/webhooks/webhook-secret.ts';

/** Who sends a request. */
export interface Sender {
  readonly name: string;
  /** The value of the Authorization header; null for none. */
  readonly authorization: string | null;
  /** Whether an answer to it may hold something of the rival. */
  readonly maySeeRival: boolean;
}

/** The servers that a run sends its requests to, and what it knows of them. */
export interface FuzzWorld {
  readonly plane: ControlPlane;
  readonly api: ApiProcess;
  readonly document: unknown;
  readonly senders: readonly Sender[];
  /** What exists of the tenant `acme`, and of its rival: names that requests may carry. */
  readonly acme: RightValues;
  readonly rival: RightValues;
  /** Of acme's hooks, by provider. */
  readonly hookSecret: string;
  /** Texts and digests of the rival that no request carries. An answer to anybody else that holds one is a breach. */
  readonly secrets: readonly string[];
  /** A tenant that sent nothing hostile publishes, and its release goes live. Throws when it does not. */
  publishHonestly(): Promise<void>;
  stop(): Promise<void>;
}

const ROLES = ['viewer', 'follower', 'publisher', 'approver', 'admin'] as const;

/** Two tenants with a release each that is live and one that waits, a hook, a sink, a follower and a hold; a token of each role. */
export async function startFuzzWorld(): Promise<FuzzWorld> {
  const plane = await startControlPlane({ plainWorker: true });
  const api = await startApiProcess(plane);
  const hookSecret = newWebhookSecret();
  const marker = `foreign${randomUUID().replaceAll('-', '')}`;
  const acme = await fillTenant(api, 'acme', { marker: 'own', hookSecret });
  const rival = await fillTenant(api, 'rival', { marker, hookSecret: newWebhookSecret() });
  const document = await api.call('GET', '/openapi.json');
  return {
    plane,
    api,
    document,
    senders: await sendersOf(api),
    acme: acme.right,
    rival: rival.right,
    hookSecret,
    secrets: [marker, ...rival.digests],
    async publishHonestly() {
      await fillTenant(api, 'honest', { marker: 'own', hookSecret: newWebhookSecret() });
    },
    async stop() {
      await api.stop();
      await plane.stop();
    },
  };
}

async function sendersOf(api: ApiProcess): Promise<Sender[]> {
  const senders: Sender[] = [
    { name: 'nobody', authorization: null, maySeeRival: false },
    { name: 'a wrong token', authorization: 'Bearer not-a-token', maySeeRival: false },
    { name: 'a wrong scheme', authorization: 'Basic YWxhZGRpbjpvcGVuc2VzYW1l', maySeeRival: false },
  ];
  for (const role of ROLES) {
    const made = await api.call('POST', '/v1/tokens', {
      name: `fuzz-${role}`,
      tenant: 'acme',
      roles: [role],
    });
    const { token } = made as { token: string };
    senders.push({ name: `acme’s ${role}`, authorization: `Bearer ${token}`, maySeeRival: false });
  }
  const made = await api.call('POST', '/v1/tokens', { name: 'fuzz-platform', roles: ['viewer'] });
  senders.push({
    name: 'a viewer of the platform',
    authorization: `Bearer ${(made as { token: string }).token}`,
    maySeeRival: true,
  });
  return senders;
}

async function fillTenant(
  api: ApiProcess,
  tenant: string,
  { marker, hookSecret }: { marker: string; hookSecret: string },
): Promise<{ right: RightValues; digests: string[] }> {
  const at = `/v1/tenants/${tenant}`;
  const bundle = `${at}/bundles/bundle`;
  await api.call('POST', '/v1/tenants', { tenant });
  const publish = async (text: string): Promise<number> => {
    const files = { 'a.json': JSON.stringify({ text: `${text} ${marker}` }) };
    const made = await api.call('POST', `${bundle}/releases`, { files, message: `${text} ${marker}` });
    return (made as { version: number }).version;
  };
  const release = (version: number) =>
    api.call('GET', `${bundle}/releases/${version}`) as Promise<{
      status: string;
      stage: string | null;
      digest: string | null;
      source: string;
    }>;
  const live = await publish('first');
  const first = await eventually(
    async () => {
      const found = await release(live);
      return found.status === 'settled' && found;
    },
    { what: 'the first release is live' },
  );
  const within = '24h';
  await api.call('PUT', `${at}/policy`, {
    channels: {
      live: { gates: [{ approval: { name: 'release', within } }, { check: { name: 'e2e', within } }] },
    },
  });
  const waiting = await publish('second');
  const second = await eventually(
    async () => {
      const found = await release(waiting);
      return found.stage === 'gate' && found;
    },
    { what: 'the second release waits at its gates' },
  );
  const right = rightValues({ tenant, digest: first.digest ?? '', waiting, secret: hookSecret });
  await api.call('PUT', `${at}/hooks/main`, right.bodies['setHook']);
  await api.call('PUT', `${at}/sinks/audit`, { webhook: { url: `https://sink.example/${marker}` } });
  await api.call('PUT', `${bundle}/channels/live/followers/bot-7`, { generation: 1, digest: first.digest });
  await api.call('PUT', `${bundle}/channels/live/hold`, { reason: `held ${marker}` });
  const digests = [first.digest, first.source, second.digest, second.source];
  return { right, digests: digests.filter((digest) => digest !== null) };
}
