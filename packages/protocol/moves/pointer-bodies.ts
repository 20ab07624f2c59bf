import { z } from 'zod';

import { Version } from '../identifiers.ts';
import { FreeText } from '../text/free-text.ts';

/** A promotion or a rollback of a pointer. */
export const MoveBody = z
  .strictObject({
    version: Version.optional().meta({
      description: 'Promotes: the release to point to. It must have been published before.',
    }),
    restores: Version.optional().meta({
      description:
        'Rolls back: the generation of an earlier move of this pointer (see `getRollback`). A hold does not block a rollback to a move before the one in effect, and the hold stays.',
    }),
    createChannel: z
      .boolean()
      .default(false)
      .meta({ description: 'Creates the channel if the bundle does not have it.' }),
    hold: FreeText.optional().meta({
      description: 'Also holds the pointer, with this reason, in the same step.',
    }),
  })
  .refine(({ version, restores }) => (version === undefined) !== (restores === undefined), {
    message: 'give exactly one of "version" (to promote) and "restores" (to roll back)',
    path: ['version'],
  })
  .meta({ id: 'MoveBody', example: { version: 11, hold: 'v12 answers in the wrong language' } });
export type MoveBody = z.input<typeof MoveBody>;

/** A hold on a pointer. */
export const HoldBody = z
  .strictObject({ reason: FreeText.meta({ description: 'A human-readable reason.' }) })
  .meta({ id: 'HoldBody', example: { reason: 'incident 4711' } });
export type HoldBody = z.input<typeof HoldBody>;
