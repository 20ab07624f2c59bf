import { z } from 'zod';

import { requestLimits } from '@pointsman/protocol/limits';

/**
 * Text for people, such as a message or a reason. Control characters are refused, because a terminal would execute them. NUL is refused,
 * because PostgreSQL cannot store it.
 */
export const FreeText = z
  .string()
  .min(1)
  .max(requestLimits.textChars)
  // oxlint-disable-next-line no-control-regex -- the pattern must contain the control characters that it refuses
  .regex(/^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/, 'must not contain control characters')
  .refine((text) => text.isWellFormed(), 'must be valid Unicode');
