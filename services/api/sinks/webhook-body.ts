import { z } from 'zod';

import { requestLimits } from '@pointsman/protocol/limits';
import { httpUrl } from '@pointsman/protocol/json/storable';
import { SECRET_FORM, webhookKey } from '@pointsman/protocol/webhooks/webhook-secret';

const Secret = z
  .string()
  .refine((text) => webhookKey(text) !== null, SECRET_FORM)
  .optional();

/** The settings of a webhook, as an admin sends them. */
export const SinkBody = z
  .strictObject({
    webhook: z.strictObject({
      url: httpUrl(requestLimits.urlChars)
        .refine(
          (text) => !URL.canParse(text) || isBare(new URL(text)),
          'must be a URL without a user or a fragment',
        )
        .meta({
          description:
            'Where events are posted. Everyone who can read this tenant’s sinks sees it, so it must not contain a secret: receivers verify the signature instead. A URL that resolves to a private address is refused at delivery, because names are only resolved then.',
        }),
      secret: Secret.meta({
        description:
          'The signing secret, in the format of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. If omitted, the current one is kept, and a new webhook gets a generated one. A replaced secret keeps signing in parallel for a day.',
      }),
    }),
  })
  .meta({ id: 'SinkBody', example: { webhook: { url: 'https://audit.example.com/pointsman' } } });

function isBare({ username, password, hash }: URL): boolean {
  return username === '' && password === '' && hash === '';
}

export const RotateBody = z
  .strictObject({ secret: Secret.meta({ description: 'The new secret. If omitted, one is generated.' }) })
  .optional()
  .meta({ id: 'RotateBody', example: {} });
