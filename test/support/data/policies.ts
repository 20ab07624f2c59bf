import { digestOf } from '../../../packages/protocol/digest.ts';
import { Policy } from '../../../core/policy.ts';
import type { NewPolicy } from '../../../services/postgres/channels/policies.ts';
import { AT } from '../worlds/store.ts';

/** Creates a policy with those gates on the channel "live". */
export function gated(...gates: unknown[]): Policy {
  return Policy.parse({ channels: { live: { gates } } });
}

/** Creates a request to store a policy, as the API does, with a new idempotency key unless the test passes one. */
export function policyRequest(tenant: string, document: Policy, asked: Partial<NewPolicy> = {}): NewPolicy {
  return {
    tenant,
    document,
    message: null,
    ifVersion: null,
    by: 'ann',
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf(JSON.stringify(document)),
    requestId: 'request',
    at: AT,
    ...asked,
  };
}
