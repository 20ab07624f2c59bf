import { z } from 'zod';

import { httpLimits } from '../../../core/limits/limits.ts';

/** Text for people: a message, a reason. Control characters would be executed by somebody's terminal, and PostgreSQL takes no NUL. */
export const FreeText = z
  .string()
  .min(1)
  .max(httpLimits.textChars)
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is being refused
  .regex(/^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/, 'must be text without control characters')
  .refine((text) => text.isWellFormed(), 'must be valid Unicode');
