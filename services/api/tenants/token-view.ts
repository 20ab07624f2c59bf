import { z } from 'zod';

import { Role, TokenId, TokenName } from '@pointsman/protocol/access';
import { TenantName } from '@pointsman/protocol/identifiers';
import { StoredTime } from '@pointsman/protocol/json/storable';
import type { TokenRecord } from '../../postgres/tenants/tokens.ts';

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

/** The cursor of a page in the list of tokens. */
export const tokenCursor = {
  schema: z.strictObject({ createdAt: StoredTime, id: TokenId }),
  of: ({ createdAt, id }: TokenRecord): Pick<TokenRecord, 'createdAt' | 'id'> => ({ createdAt, id }),
};
