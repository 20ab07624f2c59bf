import { z } from 'zod';

import { HookProvider } from '../hook.ts';
import { BundleName, ChannelName } from '../identifiers.ts';
import { httpUrl, StorableText } from '../json/storable.ts';
import { hookSettingLimits, requestLimits } from '../limits.ts';
import { pathProblem } from '../releases/source.ts';
import { SECRET_FORM, webhookKey } from '../webhooks/webhook-secret.ts';

/** A pattern for the refs from which a hook publishes, for example `refs/heads/main` or `refs/tags/v*`. */
export const RefPattern = z
  .string()
  .max(hookSettingLimits.nameChars)
  .regex(
    /^refs\/[^\s*?[\\^~:]+\*?$/,
    'must be a full ref, such as "refs/heads/main", or a prefix with one "*" at its end, such as "refs/tags/v*"',
  );

export const SourceFolder = z.string().superRefine((path, context) => {
  const problem = path.length > hookSettingLimits.nameChars ? 'a folder is too long' : pathProblem(path);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});

const VISIBLE = /^[\x21-\x7e]+$/;
const visible = 'must be visible ASCII characters without spaces';

/** The settings of a hook, as an admin sends them. */
export const HookBody = z
  .strictObject({
    provider: HookProvider.meta({
      description: 'The provider. It determines the signature and the format of deliveries.',
    }),
    repository: StorableText.min(1).max(hookSettingLimits.nameChars).meta({
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
      .min(hookSettingLimits.minSecretChars)
      .max(hookSettingLimits.maxSecretChars)
      .regex(VISIBLE, visible)
      .optional()
      .meta({
        description:
          'The secret shared with the provider. If omitted, the current one is kept; a new hook needs one. A generic hook needs the format of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes.',
      }),
    apiUrl: httpUrl(requestLimits.urlChars)
      .regex(/^[^?#@]*$/, 'must be a URL without a user, a query or a fragment')
      .optional()
      .meta({
        description:
          "The base URL of the provider's API, if it is not github.com or gitlab.com (`https://git.example.com/api/v3`). For a generic hook: the URL to post commit statuses to.",
      }),
    token: z
      .string()
      .min(1)
      .max(hookSettingLimits.tokenChars)
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
export type HookBody = z.input<typeof HookBody>;

/** Whether the provider allows this repository name. The name becomes part of URLs. */
export function isRepository(provider: HookProvider, repository: string): boolean {
  const parts = repository.split('/');
  if (provider === 'generic') return /^[\x21-\x7e]+$/.test(repository);
  const isNamed = parts.every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..');
  // A GitLab repository can be in nested groups, so its path may have more than two parts.
  return isNamed && (provider === 'github' ? parts.length === 2 : parts.length >= 2);
}
