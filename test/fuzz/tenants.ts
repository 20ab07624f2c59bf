import { randomUUID } from 'node:crypto';

import { z } from 'zod';

import { Role } from '../../packages/protocol/access.ts';
import { HookProvider } from '../../packages/protocol/hook.ts';
import { QuotaName } from '../../packages/protocol/quota.ts';
import { newWebhookSecret } from '../../packages/protocol/webhooks/webhook-secret.ts';
import type { ApiProcess } from '../support/processes/api-process.ts';
import { eventually } from '../support/runs/eventually.ts';
import { signedPushes } from '../support/data/signed-pushes.ts';
import type { Outside } from './outside.ts';

/** The sender of a request. */
export interface Sender {
  readonly name: string;
  /** The value of the Authorization header. Null if the header is not sent. */
  readonly authorization: string | null;
  /** The tenant of the token. {@link EVERYBODY} for a token of the platform, and null if there is no valid token. */
  readonly tenant: string | null;
  readonly role: Role | null;
}

/**
 * Marks a sender whose token belongs to the platform. It is never the name of a tenant, because it contains a space.
 */
export const EVERYBODY = 'every body';

/** A tenant that takes part in a run. */
export interface FuzzTenant {
  readonly name: string;
  readonly senders: readonly Sender[];
  /** The secret of each of its hooks. */
  readonly hookSecret: string;
  /** A random text that all of its files, messages and names contain. */
  readonly marker: string;
  /** The digests of the artifact at generation 1 of `bundle`, and of its source. */
  readonly digest: string;
  readonly source: string;
  /** The id of a token that no sender uses. */
  readonly tokenId: string;
  /** Texts that only this tenant has. A response to another tenant that contains one is a violation. */
  readonly secrets: readonly string[];
}

/** The channel with three gates: an approval, a report, and a requested check. */
export const GATED = 'gated';
/** Bundles whose live pointers requests may move and hold. No request moves the pointer of another bundle. */
export const STEERED = ['steered-0', 'steered-1', 'steered-2'] as const;

/** So high that a run of any length stays below them. A run tests the code behind the quotas. */
const QUOTAS = Object.fromEntries(
  QuotaName.options.map((name) => [name, name === 'bytes' ? 1e13 : 1_000_000_000]),
);

const Release = z.object({
  version: z.number(),
  status: z.string(),
  digest: z.string().nullable(),
  source: z.string(),
});
const MadeToken = z.object({ id: z.string(), token: z.string() });

/**
 * Creates a tenant with a token of each role. Its name contains the marker, so only requests to this tenant contain
 * the name.
 */
export async function newTenant(
  api: ApiProcess,
  name: string,
): Promise<Pick<FuzzTenant, 'name' | 'senders' | 'marker' | 'secrets' | 'tokenId'>> {
  const marker = randomUUID().replaceAll('-', '').slice(0, 20);
  const tenant = `${name}-${marker.slice(0, 10)}`;
  await api.call('POST', '/v1/tenants', { tenant });
  await api.call('PUT', `/v1/tenants/${tenant}/quotas`, QUOTAS);
  const token = (role: Role, use: string) => newToken(api, { tenant, role, name: `${use}-${marker}` });
  const tokens = await Promise.all(Role.options.map((role) => token(role, role)));
  // The fuzzer sends no request with this token, so a request may revoke it.
  const spare = await token('viewer', 'spare');
  return {
    name: tenant,
    senders: tokens.map(({ role, token: bearer }) => ({
      name: `${name}’s ${role}`,
      authorization: `Bearer ${bearer}`,
      tenant,
      role,
    })),
    marker,
    tokenId: spare.id,
    secrets: [tenant, marker, ...[...tokens, spare].flatMap(({ id, token: bearer }) => [id, bearer])],
  };
}

async function newToken(
  api: ApiProcess,
  { tenant, role, name }: { tenant: string; role: Role; name: string },
): Promise<{ role: Role; id: string; token: string }> {
  const made = await api.call('POST', '/v1/tokens', { name, tenant, roles: [role] });
  return { role, ...MadeToken.parse(made) };
}

/**
 * Creates a tenant with the resources that the operations need: live releases, a policy, a hook for each provider, a
 * webhook, a follower and a hold. The resources that requests may delete are named `spare`.
 */
export async function fillTenant(api: ApiProcess, outside: Outside, name: string): Promise<FuzzTenant> {
  const tenant = await newTenant(api, name);
  const at = `/v1/tenants/${tenant.name}`;
  const { marker } = tenant;
  const hookSecret = newWebhookSecret();
  const own = { at, marker };
  // The other tenants also have a bundle with this name.
  const [releases] = await Promise.all([
    publishTwice(api, { ...own, bundle: 'bundle' }),
    ...[...STEERED, `b${marker}`].map((bundle) => publishTwice(api, { ...own, bundle })),
  ]);
  const [first] = releases;
  await api.call('PUT', `${at}/policy`, policyOf(outside));
  for (const provider of HookProvider.options)
    for (const hook of [provider, `${provider}-${marker}`])
      await api.call('PUT', `${at}/hooks/${hook}`, hookOf(outside, provider, hookSecret));
  for (const sink of ['audit', 'spare', `s${marker}`])
    await api.call('PUT', `${at}/sinks/${sink}`, { webhook: { url: outside.address(`/sink/${marker}`) } });
  const channel = `${at}/bundles/bundle/channels/live`;
  for (const follower of ['bot-7', `f${marker}`])
    await api.call('PUT', `${channel}/followers/${follower}`, { generation: 1, digest: first.digest });
  await api.call('PUT', `${at}/bundles/b${marker}/channels/live/hold`, { reason: `held ${marker}` });
  const digests = releases.flatMap(({ digest, source }) => [digest, source]);
  return {
    ...tenant,
    hookSecret,
    digest: first.digest,
    source: first.source,
    secrets: [...tenant.secrets, hookSecret, ...digests],
  };
}

interface Published {
  readonly digest: string;
  readonly source: string;
}

async function publishTwice(
  api: ApiProcess,
  { at, marker, bundle }: { at: string; marker: string; bundle: string },
): Promise<[Published, Published]> {
  const publish = async (text: string): Promise<Published> => {
    const files = { 'a.json': JSON.stringify({ text: `${text} ${marker} ${bundle}` }) };
    const path = `${at}/bundles/${bundle}/releases`;
    const { version } = Release.parse(
      await api.call('POST', path, { files, message: `${text} ${marker}`, onConflict: 'queue' }),
    );
    return eventually(
      async () => {
        const { status, digest, source } = Release.parse(await api.call('GET', `${path}/${version}`));
        return status === 'settled' && digest !== null && { digest, source };
      },
      { what: `v${version} of ${bundle} is live` },
    );
  };
  return [await publish('first'), await publish('second')];
}

export function policyOf(outside: Outside): unknown {
  const within = '24h';
  const gates = [
    { approval: { name: 'release', within } },
    { check: { name: 'e2e', within } },
    { check: { name: 'asked', url: outside.address('/check'), within } },
  ];
  return { channels: { [GATED]: { gates } } };
}

/** The settings of a hook that publishes the pushes of its provider. */
export function hookOf(outside: Outside, provider: HookProvider, secret: string): unknown {
  const { repository } = signedPushes('')[provider];
  const api = { github: outside.host.githubApi, gitlab: outside.host.gitlabApi, generic: null }[provider];
  return {
    provider,
    repository,
    ref: 'refs/heads/*',
    bundle: 'pushed',
    channel: provider,
    createChannel: true,
    secret,
    ...(api === null ? {} : { apiUrl: api }),
  };
}
