import { z } from 'zod';

import { HookProvider } from '@pointsman/protocol/hook';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { BundleName, ChannelName } from '@pointsman/protocol/identifiers';
import { httpUrl, StorableText } from '@pointsman/protocol/json/storable';
import { deliveryLimits } from '../../hooks/limits.ts';
import { isRepository, RefPattern, SourceFolder } from '../../hooks/rule.ts';
import { SECRET_FORM, webhookKey } from '@pointsman/protocol/webhooks/webhook-secret';
import type { DeliveryView, HookView } from '@pointsman/protocol/hooks/hook-view';
import type { DeliveryRecord } from '../../postgres/hooks/deliveries.ts';
import type { HookRecord } from '../../postgres/hooks/hooks.ts';
import type { SecretBox } from '../../secrets/secret-box.ts';

const VISIBLE = /^[\x21-\x7e]+$/;
const visible = 'must be visible ASCII characters without spaces';

/** The settings of a hook, as an admin sends them. */
export const HookBody = z
  .strictObject({
    provider: HookProvider.meta({
      description: 'The provider. It determines the signature and the format of deliveries.',
    }),
    repository: StorableText.min(1).max(deliveryLimits.nameChars).meta({
      description: "The repository, in the provider's notation: `owner/name`, `group/subgroup/name`.",
    }),
    ref: RefPattern.meta({
      description: 'The pushes to publish: a whole ref, or a prefix and `*` (`refs/tags/v*`).',
    }),
    path: SourceFolder.optional().meta({
      description:
        'The folder with the source; without it the whole repository. A push that changes nothing in this folder is ignored.',
    }),
    bundle: BundleName,
    channel: ChannelName.optional().meta({ description: 'The pointer to move. Default: `live`.' }),
    createChannel: z.boolean().default(false).meta({
      description:
        'Lets a push create the channel. Without it, a bundle that has channels must have this one, now and at each push.',
    }),
    secret: z
      .string()
      .min(deliveryLimits.minSecretChars)
      .max(deliveryLimits.maxSecretChars)
      .regex(VISIBLE, visible)
      .optional()
      .meta({
        description:
          'The secret shared with the provider. If omitted, the current one is kept; a new hook needs one. A generic hook needs the format of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes.',
      }),
    apiUrl: httpUrl(deliveryLimits.urlChars)
      .regex(/^[^?#@]*$/, 'must be a URL without a user, a query or a fragment')
      .optional()
      .meta({
        description:
          "The base URL of the provider's API, if it is not github.com or gitlab.com (`https://git.example.com/api/v3`). For a generic hook: the URL to post commit statuses to.",
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
          'The API token used to fetch sources and to post commit statuses. If omitted, the current one is kept, provided that the API is the same. `null` removes it.',
      }),
  })
  .superRefine(({ provider, repository, secret, apiUrl, token }, context) => {
    const wrong = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (!isRepository(provider, repository))
      wrong('repository', `must be a repository in the notation of ${provider}`);
    if (provider === 'generic' && secret !== undefined && webhookKey(secret) === null)
      wrong('secret', SECRET_FORM);
    if (provider === 'generic' && token && apiUrl === undefined) {
      wrong('token', 'a token needs "apiUrl": it is sent only to that origin');
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

export function viewHook(
  tenant: string,
  { secret, token, ...shown }: HookRecord,
  secrets: SecretBox | null,
): HookView {
  const under = [secret, token].flatMap((sealed) =>
    sealed === null ? [] : [secrets?.sealedUnder(sealed) ?? 'lost'],
  );
  const worst = (['lost', 'previous', 'current'] as const).find((one) => under.includes(one)) ?? 'current';
  return {
    ...shown,
    tokenSet: token !== null,
    sealedUnder: worst,
    deliverTo: pathOf(paths.hookDeliveries, { tenant, hook: shown.hook }),
  };
}

export function viewDelivery({ seq: _seq, ...shown }: DeliveryRecord & { seq?: number }): DeliveryView {
  return shown;
}
