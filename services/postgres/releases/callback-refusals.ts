import { z } from 'zod';

import { Revoked, revokedText } from '../../../core/texts/release-texts.ts';
import { CallbackRefusal } from '../../../handlers/contract/release.ts';

const [Used, Expired] = CallbackRefusal.options;

const RevokedRow = Revoked.extend({ kind: z.literal('revoked') }).transform((revoked) => ({
  kind: revoked.kind,
  reason: revokedText(revoked),
}));

/** Why a callback accepts no report, as `callback_refuses` in functions/callbacks.sql returns it, with a text. */
export const RefusalRow = z.discriminatedUnion('kind', [Used, Expired, RevokedRow]);
