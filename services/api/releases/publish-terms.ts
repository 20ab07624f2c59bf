import { clientKey } from '@pointsman/protocol/idempotency-key';
import { TenantName } from '@pointsman/protocol/identifiers';
import type { Database } from '../../postgres/database.ts';
import {
  type PublishContext,
  type PublishTerms,
  readPublishContext,
} from '../../postgres/releases/publish-reads.ts';
import { findToken } from '../../postgres/tenants/tokens.ts';
import type { TokenContext } from '../http/endpoint.ts';
import { IdempotencyKey } from '../requests/params.ts';
import { noTenant } from '../responses/not-found.ts';

/** The terms of a publish, which are read together with the caller's token. */
export interface PublishTermsContext extends TokenContext {
  /** Returns the terms. Throws `not_found` unless the tenant exists. */
  readonly terms: () => Promise<PublishTerms>;
}

/**
 * Reads the caller's token and the terms of a publish with one query. The values come from a request that is not validated yet. If the
 * tenant's name is invalid, only the token is read, and the validation then refuses the request.
 */
export function publishTerms(
  db: Database,
  request: Request,
  { tenant }: Readonly<Record<string, string>>,
): PublishTermsContext {
  const name = TenantName.safeParse(tenant);
  const header = IdempotencyKey.safeParse(request.headers.get('idempotency-key') ?? undefined);
  const key = header.data === undefined ? null : clientKey(header.data);
  const read = (sha256: string | null): Promise<PublishContext> =>
    readPublishContext(db, name.data ?? '', { sha256, key });
  let found: Promise<PublishContext> | null = null;
  return {
    async find(sha256) {
      if (!name.success) return findToken(db, sha256);
      found = read(sha256);
      return (await found).token;
    },
    async terms() {
      const terms = await (found ?? read(null));
      if (!terms.tenantExists) throw noTenant(name.data ?? '');
      return terms;
    },
  };
}
