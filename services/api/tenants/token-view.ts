import { z } from 'zod';

import { Role, TokenId, TokenName } from '../../../core/access.ts';
import { TenantName } from '../../../core/identifiers.ts';
import { StoredTime } from '../../../core/json/storable.ts';
import type { TokenRecord } from '../../postgres/tenants/tokens.ts';

const roles = z.array(Role).meta({ description: 'What it is for.', example: ['publisher'] });
const tenant = TenantName.nullable().meta({
  description: "Where it counts; null for the platform's own, which counts everywhere.",
});

/** A token as it is listed. */
export const TokenView = z
  .object({
    id: TokenId,
    name: z.string().meta({
      description:
        'Who speaks by it: in the record as it stands here, or as `platform/<name>` without a tenant.',
    }),
    tenant,
    roles,
    createdBy: z.string(),
    createdAt: z.string(),
    revokedBy: z.string().nullable(),
    revokedAt: z.string().nullable(),
  })
  .meta({ id: 'Token', description: 'A token, without what is secret of it.' });

/** A token as its maker sees it, once. */
export const TokenMade = TokenView.omit({ revokedBy: true, revokedAt: true })
  .extend({
    token: z.string().meta({ description: 'To be sent as a bearer token. Nobody can look it up again.' }),
  })
  .meta({ id: 'TokenMade', description: 'A token that was just made.' });

export const NewToken = z
  .strictObject({
    name: TokenName,
    tenant: TenantName.optional().meta({
      description: "The caller's own where it is left out: for a token of the platform, the platform.",
    }),
    roles: z
      .array(Role)
      .min(1, 'name a role')
      .max(Role.options.length)
      .refine((given) => new Set(given).size === given.length, 'a role is there twice'),
  })
  .meta({ id: 'NewToken', example: { name: 'ci', tenant: 'acme', roles: ['publisher'] } });

/** What a page of tokens goes on from. */
export const tokenCursor = {
  schema: z.strictObject({ createdAt: StoredTime, id: TokenId }),
  of: ({ createdAt, id }: TokenRecord): Pick<TokenRecord, 'createdAt' | 'id'> => ({ createdAt, id }),
};
