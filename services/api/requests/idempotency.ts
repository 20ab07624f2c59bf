import { randomUUID } from 'node:crypto';

import { canonicalJson, type Json } from '@pointsman/protocol/json/canonical-json';
import { digestOf } from '@pointsman/protocol/digest';
import { clientKey } from '@pointsman/protocol/idempotency-key';
import type { Principal } from '../access/access.ts';
import type { RequestIds } from './request-ids.ts';

/**
 * The data by which the tenant's object recognises a repeated request. The fingerprint covers the whole request in
 * canonical form, so a JSON body and an archive with the same files count as the same request. If the client sends no
 * key, a key is generated, so that the API's own retries have no second effect.
 */
export function requestIdentity(
  call: { readonly principal: Principal | null; readonly ids: RequestIds },
  key: string | undefined,
  asked: { readonly [name: string]: Json },
) {
  return {
    by: call.principal?.name ?? 'nobody',
    idempotencyKey: clientKey(key ?? randomUUID()),
    fingerprint: digestOf(canonicalJson(asked)),
    requestId: call.ids.requestId,
  };
}
