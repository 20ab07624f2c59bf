import { z } from 'zod';

import { HookProvider } from '@pointsman/protocol/hook';

/** A hook in the API's responses, as far as commands need it. */
export const HookView = z.looseObject({
  hook: z.string(),
  provider: HookProvider,
  repository: z.string(),
  ref: z.string(),
  path: z.string().nullable(),
  bundle: z.string(),
  channel: z.string(),
  apiUrl: z.string().nullable(),
  tokenSet: z.boolean(),
  sealedUnder: z.enum(['current', 'previous', 'lost']),
  deliverTo: z.string(),
});
export type HookView = z.infer<typeof HookView>;
