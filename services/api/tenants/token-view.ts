import { z } from 'zod';

import { Role, TokenId, TokenName } from '@pointsman/protocol/access';
import { TenantName } from '@pointsman/protocol/identifiers';
import { StoredTime } from '@pointsman/protocol/json/storable';
import type { TokenRecord } from '../../postgres/tenants/tokens.ts';

const roles = z.array(Role).meta({ description: 'The roles of the token.', example: ['publisher'] });
const tenant = TenantName.nullable().meta({
  description: 'The tenant of the token; null for a token of the platform, which works for every tenant.',
});

/** A token in a list. */
export const TokenView = z
  .object({
    id: TokenId,
    name: z.string().meta({
      description: 'The name of the holder in the record; for a token without a tenant, `platform/<name>`.',
    }),
    tenant,
    roles,
    createdBy: z.string(),
    createdAt: z.string(),
    revokedBy: z.string().nullable(),
    revokedAt: z.string().nullable(),
  })
  .meta({ id: 'Token', description: 'A token, without its secret.' });

/** A token in the response to its creator. Shown once. */
export const TokenMade = TokenView.omit({ revokedBy: true, revokedAt: true })
  .extend({
    token: z.string().meta({ description: 'Send it as a bearer token. It cannot be shown again.' }),
  })
  .meta({ id: 'TokenMade', description: 'A token that was just created.' });

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

/** The position of a page of tokens. */
export const tokenCursor = {
  schema: z.strictObject({ createdAt: StoredTime, id: TokenId }),
  of: ({ createdAt, id }: TokenRecord): Pick<TokenRecord, 'createdAt' | 'id'> => ({ createdAt, id }),
};
