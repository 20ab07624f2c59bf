import { z } from 'zod';

import { Revoked, revokedText } from '../../../core/texts/release-texts.ts';
import { CallbackRefusal } from '../../../handlers/contract/release.ts';

const [Used, Expired] = CallbackRefusal.options;

const RevokedRow = Revoked.extend({ kind: z.literal('revoked') }).transform((revoked) => ({
  kind: revoked.kind,
  reason: revokedText(revoked),
}));

/**
 * The reason why a callback does not accept a report. It comes from `callback_refuses` in functions/callbacks.sql,
 * and a text is added to it.
 */
export const RefusalRow = z.discriminatedUnion('kind', [Used, Expired, RevokedRow]);
