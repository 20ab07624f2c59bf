import { z } from 'zod';

import { Role, TokenId } from '../access.ts';
import { TenantName } from '../identifiers.ts';

const roles = z.array(Role).meta({ description: 'The roles of the token.', example: ['publisher'] });
const tenant = TenantName.nullable().meta({
  description: 'The tenant of the token; null for a token of the platform, which works for every tenant.',
});

/** A token in the list of tokens, without its secret value. */
export const TokenView = z
  .object({
    id: TokenId,
    name: z.string().meta({
      description:
        'The name of the token’s holder, as recorded for each action; for a token without a tenant, `platform/<name>`.',
    }),
    tenant,
    roles,
    createdBy: z.string(),
    createdAt: z.string(),
    revokedBy: z.string().nullable(),
    revokedAt: z.string().nullable(),
  })
  .meta({ id: 'Token', description: 'A token, without its secret.' });

/** The response to the creation of a token. No other response contains the token itself. */
export const TokenMade = TokenView.omit({ revokedBy: true, revokedAt: true })
  .extend({
    token: z.string().meta({ description: 'Send it as a bearer token. It cannot be shown again.' }),
  })
  .meta({ id: 'TokenMade', description: 'A token that was just created.' });
