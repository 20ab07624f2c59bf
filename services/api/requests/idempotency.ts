import { randomUUID } from 'node:crypto';

import { canonicalJson, type Json } from '../../../core/json/canonical-json.ts';
import { digestOf } from '../../../core/digest.ts';
import { clientKey } from '../../../core/idempotency-key.ts';
import type { Principal } from '../access/access.ts';
import type { RequestIds } from './request-ids.ts';

/**
 * How the tenant's object knows a request again: the fingerprint is of everything that was asked, in its canonical form, so that JSON
 * and an archive with the same files are the same request. A client that gave no key gets one of its own, so that our own retries
 * are harmless.
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
