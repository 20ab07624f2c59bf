import { z } from 'zod';

import { Revoked, revokedText } from '../../../core/texts/release-texts.ts';
import { CallbackRefusal } from '../../../handlers/contract/release.ts';

const [Used, Expired] = CallbackRefusal.options;

const RevokedRow = Revoked.extend({ kind: z.literal('revoked') }).transform((revoked) => ({
  kind: revoked.kind,
  reason: revokedText(revoked),
}));

/** Why an address takes nothing more, as `callback_refuses` in functions/callbacks.sql has it, with its text. */
export const RefusalRow = z.discriminatedUnion('kind', [Used, Expired, RevokedRow]);
