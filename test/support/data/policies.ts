import { digestOf } from '../../../packages/protocol/digest.ts';
import { Policy } from '../../../core/policy.ts';
import type { NewPolicy } from '../../../services/postgres/channels/policies.ts';
import { AT } from '../worlds/store.ts';

/** A policy with those gates on the channel "live". */
export function gated(...gates: unknown[]): Policy {
  return Policy.parse({ channels: { live: { gates } } });
}

/**
 * A request to store a policy, as the API makes it. It has its own idempotency key, unless a test gives one.
 */
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
