import { z } from 'zod';

import {
  BundleName,
  ChannelName,
  Digest,
  FollowerName,
  HookName,
  SinkName,
  TenantName,
  Version,
  GateName,
} from '@pointsman/protocol/identifiers';
import { IdempotencyKeyText } from '@pointsman/protocol/idempotency-key';
import { WebhookName } from '@pointsman/protocol/sinks/sink';
import { pathProblem } from '@pointsman/protocol/releases/source';

/** The schemas of parameters in paths and headers, with their documentation. */

const tenant = TenantName.meta({ description: 'The tenant.', example: 'acme' });
const bundle = BundleName.meta({ description: 'The bundle.', example: 'support-bot' });
const channel = ChannelName.meta({
  description: 'The channel: a named pointer of the bundle.',
  example: 'live',
});
const digest = Digest.meta({
  description: 'The digest of the content.',
  example: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
});
const version = z
  .string()
  .regex(/^[1-9][0-9]{0,15}$/, 'must be a version: a whole number from 1')
  .transform(Number)
  .refine((number) => Version.safeParse(number).success, 'must be a version: a whole number from 1')
  .meta({ description: "The release's number.", example: '12' });

export const TenantParams = z.strictObject({ tenant });
export const BundleParams = z.strictObject({ tenant, bundle });
export const ReleaseParams = z.strictObject({ tenant, bundle, version });
export const CheckParams = z.strictObject({
  tenant,
  bundle,
  version,
  check: GateName.meta({ description: "The check's name, as in the policy.", example: 'e2e' }),
});
export const HookParams = z.strictObject({
  tenant,
  hook: HookName.meta({ description: "The hook's name.", example: 'main' }),
});
export const SinkParams = z.strictObject({
  tenant,
  sink: SinkName.meta({ description: "The sink's name.", example: 'audit' }),
});
export const WebhookParams = z.strictObject({
  tenant,
  sink: WebhookName.meta({ description: "The webhook's name.", example: 'audit' }),
});
export const ChannelParams = z.strictObject({ tenant, bundle, channel });
export const FollowerParams = z.strictObject({
  tenant,
  bundle,
  channel,
  follower: FollowerName.meta({
    description: "The follower's name: one for each process.",
    example: 'bot-7',
  }),
});
export const DigestParams = z.strictObject({ tenant, digest });
export const FileParams = z.strictObject({
  tenant,
  bundle,
  channel,
  path: z
    .string()
    .superRefine((path, context) => {
      const problem = pathProblem(path);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    })
    .meta({
      description:
        'The path of the file in the artifact. Its slashes are path separators: do not escape them.',
      example: 'agents/support.yaml',
    }),
});

export const IdempotencyKey = IdempotencyKeyText.optional().meta({
  description:
    'Makes the request safe to repeat: the same key with the same request is carried out once and gets the same response, with `Idempotency-Replayed: true`. With a different request it is refused. Keys belong to one tenant and are kept for seven days; after that, a key names a new request. A key must not begin with `hook/`, the prefix of deliveries.',
  example: '0b9f2c6e-7c1d-4c43-9d3e-0a6f1f0f8a52',
});
