import { randomUUID } from 'node:crypto';

import { canonicalJson, type Json } from '@pointsman/protocol/json/canonical-json';
import { digestOf } from '@pointsman/protocol/digest';
import { clientKey } from '@pointsman/protocol/idempotency-key';
import type { Principal } from '../access/access.ts';
import type { RequestIds } from './request-ids.ts';

/**
 * Returns the data by which the tenant's object recognises a repeated request. The fingerprint covers the whole request in canonical form.
 * A JSON body and an archive with the same files therefore count as the same request. If the client sends no idempotency key, one is
 * generated, so that the API's own retries have no second effect.
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
