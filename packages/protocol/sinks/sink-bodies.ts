import { z } from 'zod';

import { httpUrl } from '../json/storable.ts';
import { requestLimits } from '../limits.ts';
import { FeedCursorText } from '../moves/feed-cursor.ts';
import { FreeText } from '../text/free-text.ts';
import { SECRET_FORM, webhookKey } from '../webhooks/webhook-secret.ts';

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
export type SinkBody = z.input<typeof SinkBody>;

export const RotateBody = z
  .strictObject({ secret: Secret.meta({ description: 'The new secret. If omitted, one is generated.' }) })
  .optional()
  .meta({ id: 'RotateBody', example: {} });
export type RotateBody = z.input<typeof RotateBody>;

export const PauseBody = z
  .strictObject({ reason: FreeText.optional().meta({ description: 'A human-readable reason.' }) })
  .optional()
  .meta({ id: 'PauseBody', example: { reason: 'incident 4711' } });
export type PauseBody = z.input<typeof PauseBody>;

export const ReplayBody = z
  .strictObject({
    after: FeedCursorText.meta({ description: 'A cursor of this tenant’s feed.', example: 'acme:17' }),
  })
  .meta({ id: 'ReplayBody', example: { after: 'acme:17' } });
export type ReplayBody = z.input<typeof ReplayBody>;

export const RedeliverBody = z
  .strictObject({ seq: z.number().int().min(1).meta({ description: 'The move’s number in the feed.' }) })
  .meta({ id: 'RedeliverBody', example: { seq: 17 } });
export type RedeliverBody = z.input<typeof RedeliverBody>;

/** The body of a request without settings: to resume a sink, or to send it a test event. */
export const EmptyBody = z.strictObject({}).optional();
export type EmptyBody = z.input<typeof EmptyBody>;

function isBare({ username, password, hash }: URL): boolean {
  return username === '' && password === '' && hash === '';
}
