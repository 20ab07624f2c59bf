import { z } from 'zod';

import { Quota } from '../quota.ts';

export const Quotas = z.object({ items: z.array(Quota) }).meta({
  id: 'Quotas',
  description: 'The limits of a tenant, and its usage.',
  example: { items: [{ quota: 'bytes', used: 48_112, limit: 10_737_418_240, default: 10_737_418_240 }] },
});
