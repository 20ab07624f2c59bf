import { z } from 'zod';

import { Role, TokenName } from '../access.ts';
import { TenantName } from '../identifiers.ts';

export const NewTenant = z
  .strictObject({ tenant: TenantName })
  .meta({ id: 'NewTenant', example: { tenant: 'acme' } });
export type NewTenant = z.input<typeof NewTenant>;

export const NewToken = z
  .strictObject({
    name: TokenName,
    tenant: TenantName.optional().meta({
      description: "Default: the caller's tenant, or the platform for a token of the platform.",
    }),
    roles: z
      .array(Role)
      .min(1, 'must have at least one role')
      .max(Role.options.length)
      .refine((given) => new Set(given).size === given.length, 'must not contain a role twice'),
  })
  .meta({ id: 'NewToken', example: { name: 'ci', tenant: 'acme', roles: ['publisher'] } });
export type NewToken = z.input<typeof NewToken>;
