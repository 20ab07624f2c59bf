import { z } from 'zod';

import { requestLimits } from '@pointsman/protocol/limits';

/**
 * Returns the schema of a parameter that limits how long the response may be delayed, such as `wait=30s`. The value is parsed to
 * milliseconds.
 */
export function waitParam(description: string) {
  return z
    .string()
    .regex(/^[0-9]{1,2}s$/, 'must be whole seconds, as in "30s"')
    .transform((text) => Number(text.slice(0, -1)) * 1_000)
    .refine((ms) => ms <= requestLimits.waitMs, `must be at most "${requestLimits.waitMs / 1_000}s"`)
    .optional()
    .meta({ description, example: '30s' });
}
