import { z } from 'zod';

import { TenantName } from '../identifiers.ts';

export const TenantView = z.object({ tenant: TenantName, createdAt: z.string() }).meta({
  id: 'Tenant',
  description: 'A tenant, the unit of isolation: every bundle, token and policy belongs to one.',
  example: { tenant: 'acme', createdAt: '2026-03-01T12:00:00.000Z' },
});
