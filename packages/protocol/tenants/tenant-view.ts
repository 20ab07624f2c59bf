import { z } from 'zod';

import { TenantName } from '../identifiers.ts';

export const TenantView = z.object({ tenant: TenantName, createdAt: z.string() }).meta({
  id: 'Tenant',
  description: 'The unit of isolation.',
  example: { tenant: 'acme', createdAt: '2026-03-01T12:00:00.000Z' },
});
