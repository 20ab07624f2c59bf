import { z } from 'zod';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { httpUrl } from '../../../core/json/storable.ts';
import { SECRET_FORM, webhookKey } from '../../webhooks/webhook-secret.ts';
import { SinkView } from './sink-view.ts';

const Secret = z
  .string()
  .refine((text) => webhookKey(text) !== null, SECRET_FORM)
  .optional();

/** A webhook as an admin sets it. */
export const SinkBody = z
  .strictObject({
    webhook: z.strictObject({
      url: httpUrl(sinkLimits.urlChars)
        .refine(
          (text) => !URL.canParse(text) || isBare(new URL(text)),
          'must be a URL without a user or a fragment',
        )
        .meta({
          description:
            'Where events are posted. It is shown to whoever reads this tenant’s sinks, so that nothing in it should be a secret: that an event is genuine is seen by its signature. An address that is not public is refused when something is to be delivered there, since what a name means is known only then.',
        }),
      secret: Secret.meta({
        description:
          'With what events are signed, in the form of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. Left out, the one that is there is kept, and a new webhook is given one. Where another one is there, that one signs beside it for a day.',
      }),
    }),
  })
  .meta({ id: 'SinkBody', example: { webhook: { url: 'https://audit.example.com/pointsman' } } });

function isBare({ username, password, hash }: URL): boolean {
  return username === '' && password === '' && hash === '';
}

export const RotateBody = z
  .strictObject({ secret: Secret.meta({ description: 'The new one. Left out, one is made.' }) })
  .optional()
  .meta({ id: 'RotateBody', example: {} });

/** A webhook as whoever sets it sees it, once. */
export const SinkSet = SinkView.extend({
  secret: z.string().nullable().meta({
    description:
      'With what events are signed, where it was made here and just now. Shown this once: nobody can look it up again. Null where it was given, or kept.',
  }),
}).meta({ id: 'SinkSet', description: 'A webhook that was just set.' });
