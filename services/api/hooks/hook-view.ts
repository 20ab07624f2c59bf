import { z } from 'zod';

import { DeliveryId, DeliveryState, HookProvider } from '../../../core/hook.ts';
import { BundleName, ChannelName, HookName, Version } from '../../../core/identifiers.ts';
import { httpUrl, StorableText } from '../../../core/json/storable.ts';
import { deliveryLimits } from '../../hooks/limits.ts';
import { isRepository, RefPattern, SourceFolder } from '../../hooks/rule.ts';
import { SECRET_FORM, webhookKey } from '../../webhooks/webhook-secret.ts';
import type { DeliveryRecord } from '../../postgres/hooks/deliveries.ts';
import type { HookRecord } from '../../postgres/hooks/hooks.ts';
import type { SecretBox } from '../../secrets/secret-box.ts';

const VISIBLE = /^[\x21-\x7e]+$/;
const visible = 'must be visible ASCII characters without spaces';

/** A rule as an admin sets it. */
export const HookBody = z
  .strictObject({
    provider: HookProvider.meta({ description: 'How deliveries are signed, and what they say.' }),
    repository: StorableText.min(1).max(deliveryLimits.nameChars).meta({
      description: 'As the provider calls it: `owner/name`, `group/subgroup/name`.',
    }),
    ref: RefPattern.meta({
      description: 'Which pushes: a whole ref, or the beginning of one and `*` (`refs/tags/v*`).',
    }),
    path: SourceFolder.optional().meta({
      description:
        'The folder that is the source; without it the whole repository. Pushes that are known to change nothing there are ignored.',
    }),
    bundle: BundleName,
    channel: ChannelName.optional().meta({ description: 'The pointer to move; `live` unless told.' }),
    createChannel: z.boolean().default(false).meta({
      description:
        'Lets a push create the channel. Without it, a bundle that has channels must have this one, now and when a push comes.',
    }),
    secret: z
      .string()
      .min(deliveryLimits.minSecretChars)
      .max(deliveryLimits.maxSecretChars)
      .regex(VISIBLE, visible)
      .optional()
      .meta({
        description:
          'Shared with the provider. Left out, the one that is there is kept; a new hook needs one. A generic hook needs one in the form of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes.',
      }),
    apiUrl: httpUrl(deliveryLimits.urlChars)
      .regex(/^[^?#@]*$/, 'must be a URL without a user, a query or a fragment')
      .optional()
      .meta({
        description:
          'The API of the provider, where it is not github.com or gitlab.com (`https://git.example.com/api/v3`). Of a generic hook: where commits’ statuses are posted.',
      }),
    token: z
      .string()
      .min(1)
      .max(deliveryLimits.tokenChars)
      .regex(VISIBLE, visible)
      .nullable()
      .optional()
      .meta({
        description:
          'With what the API is asked for sources and told of statuses. Left out, the one that is there is kept, as long as it is for the same API; `null` takes it away.',
      }),
  })
  .superRefine(({ provider, repository, secret, apiUrl, token }, context) => {
    const wrong = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (!isRepository(provider, repository))
      wrong('repository', `this is not what ${provider} calls a repository`);
    if (provider === 'generic' && secret !== undefined && webhookKey(secret) === null)
      wrong('secret', SECRET_FORM);
    if (provider === 'generic' && token && apiUrl === undefined) {
      wrong('token', 'a token is told to the origin of "apiUrl" alone, and there is none');
    }
  })
  .meta({
    id: 'HookBody',
    example: {
      provider: 'github',
      repository: 'acme/support-bot',
      ref: 'refs/heads/main',
      path: 'config',
      bundle: 'support-bot',
      secret: 'at-least-16-characters',
    },
  });
export type HookBody = z.output<typeof HookBody>;

export const HookView = z
  .object({
    hook: HookName,
    provider: HookProvider,
    repository: z.string(),
    ref: z.string(),
    path: z.string().nullable(),
    bundle: BundleName,
    channel: ChannelName,
    createChannel: z.boolean(),
    apiUrl: z.string().nullable(),
    tokenSet: z
      .boolean()
      .meta({ description: 'Whether there is a token. It is never shown, nor is the secret.' }),
    sealedUnder: z.enum(['current', 'previous', 'lost']).meta({
      description:
        'Under which key its secrets are kept: `previous` needs POINTSMAN_SECRET_KEY_PREVIOUS until they are set again; `lost` can no longer be read.',
    }),
    deliverTo: z.string().meta({ description: 'The path to which the provider delivers.' }),
    createdBy: z.string(),
    createdAt: z.string(),
    updatedBy: z.string(),
    updatedAt: z.string(),
  })
  .meta({
    id: 'Hook',
    description: 'What is published when somebody pushes.',
    example: {
      hook: 'main',
      provider: 'github',
      repository: 'acme/support-bot',
      ref: 'refs/heads/main',
      path: 'config',
      bundle: 'support-bot',
      channel: 'live',
      createChannel: false,
      apiUrl: null,
      tokenSet: true,
      sealedUnder: 'current',
      deliverTo: '/v1/tenants/acme/hooks/main/deliveries',
      createdBy: 'ann',
      createdAt: '2026-03-01T12:00:00.000Z',
      updatedBy: 'ann',
      updatedAt: '2026-03-01T12:00:00.000Z',
    },
  });

export function viewHook(
  tenant: string,
  { secret, token, ...shown }: HookRecord,
  secrets: SecretBox | null,
): z.input<typeof HookView> {
  const under = [secret, token].flatMap((sealed) =>
    sealed === null ? [] : [secrets?.sealedUnder(sealed) ?? 'lost'],
  );
  const worst = (['lost', 'previous', 'current'] as const).find((one) => under.includes(one)) ?? 'current';
  return {
    ...shown,
    tokenSet: token !== null,
    sealedUnder: worst,
    deliverTo: deliveriesPath(tenant, shown.hook),
  };
}

export const DeliveryView = z
  .object({
    delivery: DeliveryId,
    state: DeliveryState,
    repository: z.string().nullable(),
    ref: z.string().nullable(),
    commit: z.string().nullable(),
    subject: z.string().nullable().meta({ description: 'The first line of the commit’s message.' }),
    bundle: BundleName,
    channel: ChannelName,
    version: Version.nullable().meta({ description: 'The release that it became.' }),
    reason: z.string().nullable().meta({ description: 'Why it became none.' }),
    receivedAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: 'Delivery', description: 'What a provider delivered, and what became of it.' });

export function viewDelivery({
  seq: _seq,
  ...shown
}: DeliveryRecord & { seq?: number }): z.input<typeof DeliveryView> {
  return shown;
}

function deliveriesPath(tenant: string, hook: string): string {
  return `/v1/tenants/${tenant}/hooks/${hook}/deliveries`;
}
