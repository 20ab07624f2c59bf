import { z } from 'zod';

import { requestLimits } from '../limits.ts';

/**
 * Returns a schema for text for people, which may be empty. Control characters are refused, because a terminal would
 * execute them. NUL and lone surrogates are refused, because PostgreSQL cannot store them.
 */
export function plainText(maxChars: number) {
  return (
    z
      .string()
      .max(maxChars)
      // oxlint-disable-next-line no-control-regex -- the pattern must contain the control characters that it refuses
      .regex(/^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/, 'must not contain control characters')
      .refine((text) => text.isWellFormed(), 'must be valid Unicode')
  );
}

/** Text for people that is not empty, such as a message or a reason. */
export const FreeText = plainText(requestLimits.textChars).min(1);
