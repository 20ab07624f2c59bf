import { z } from 'zod';

import { DeliveryId, DeliveryState, HookProvider } from '../hook.ts';
import { BundleName, ChannelName, HookName, Version } from '../identifiers.ts';
import { pathOf, paths } from '../paths.ts';
import { SealedUnder } from '../sealed-under.ts';

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
      .meta({ description: 'Whether a token is set. The token and the secret are never shown.' }),
    sealedUnder: SealedUnder.meta({
      description:
        "The key that encrypts the hook's secrets. `previous`: keep POINTSMAN_SECRET_KEY_PREVIOUS until the secrets are set again. `lost`: the secrets can no longer be decrypted.",
    }),
    deliverTo: z.string().meta({ description: "The path for the provider's deliveries." }),
    createdBy: z.string(),
    createdAt: z.string(),
    updatedBy: z.string(),
    updatedAt: z.string(),
  })
  .meta({
    id: 'Hook',
    description: 'A hook: publishes a source after a push to a Git repository.',
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
      deliverTo: pathOf(paths.hookDeliveries, { tenant: 'acme', hook: 'main' }),
      createdBy: 'ann',
      createdAt: '2026-03-01T12:00:00.000Z',
      updatedBy: 'ann',
      updatedAt: '2026-03-01T12:00:00.000Z',
    },
  });
export type HookView = z.infer<typeof HookView>;

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
    version: Version.nullable().meta({ description: 'The release of this delivery.' }),
    reason: z.string().nullable().meta({ description: 'Why the delivery has no release.' }),
    receivedAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: 'Delivery', description: 'A delivery from a provider, and its result.' });
export type DeliveryView = z.infer<typeof DeliveryView>;

/** The response to a delivery from a provider. */
export const Receipt = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('accepted'),
      delivery: DeliveryId,
      state: DeliveryState.meta({ description: 'The state of the delivery.' }),
      location: z.string().optional().meta({ description: 'The release, once it exists.' }),
      reason: z.string().optional().meta({ description: 'Why the delivery does not become a release.' }),
      replayed: z.literal(true).optional(),
    }),
    z.object({
      kind: z.literal('ignored'),
      delivery: DeliveryId,
      why: z.string(),
      replayed: z.literal(true).optional(),
    }),
  ])
  .meta({
    id: 'Receipt',
    description: 'The result of a delivery.',
    example: { kind: 'accepted', delivery: '72d3162e-cc78-11e3-81ab-4c9367dc0958', state: 'received' },
  });
