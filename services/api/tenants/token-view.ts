import { z } from 'zod';

import { TokenId } from '@pointsman/protocol/access';
import { StoredTime } from '@pointsman/protocol/json/storable';
import type { TokenRecord } from '../../postgres/tenants/tokens.ts';

/** The cursor of a page of tokens. */
export const tokenCursor = {
  schema: z.strictObject({ createdAt: StoredTime, id: TokenId }),
  of: ({ createdAt, id }: TokenRecord): Pick<TokenRecord, 'createdAt' | 'id'> => ({ createdAt, id }),
};
