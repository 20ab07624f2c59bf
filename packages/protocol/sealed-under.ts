import { z } from 'zod';

/** The key that encrypts a stored secret. `lost` means that the API does not have the key. */
export const SealedUnder = z.enum(['current', 'previous', 'lost']);
export type SealedUnder = z.infer<typeof SealedUnder>;
