import { z } from 'zod';

import { Digest } from '../identifiers.ts';

/** The response to a report. */
export const CallbackTaken = z
  .object({ replayed: z.boolean().meta({ description: 'True if the same report was already recorded.' }) })
  .meta({ id: 'CallbackTaken', description: 'The report was recorded.', example: { replayed: false } });

/** The response to the upload of a blob, and to the check whether it is stored. */
export const StoredBlob = z
  .object({ digest: Digest, mediaType: z.string(), size: z.number().int() })
  .meta({ id: 'StoredBlob', description: 'A stored blob.' });
