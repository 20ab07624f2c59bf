import { z } from 'zod';

import { isStorableYear } from '../json/storable.ts';

const SPELLINGS = [z.iso.datetime({ offset: true }), z.iso.datetime({ offset: true, precision: -1 })];

/**
 * A point in time as people write it (ISO 8601). The offset from UTC is required, because the time zone would
 * otherwise be ambiguous.
 */
export const Instant = z
  .string()
  .refine((text) => SPELLINGS.some((spelling) => spelling.safeParse(text).success), {
    error:
      'must be a time with its offset from UTC, such as "2026-12-24T08:00:00+01:00" or "2026-12-24T07:00Z"',
    abort: true,
  })
  .refine(isStorableYear, 'must be in the years 1000 to 9998');
