import { digestOf } from '../../../packages/protocol/digest.ts';
import { Policy } from '../../../core/policy.ts';
import type { NewPolicy } from '../../../services/postgres/channels/policies.ts';
import { AT } from '../worlds/store.ts';

/** A policy with those gates on "live". */
export function gated(...gates: unknown[]): Policy {
  return Policy.parse({ channels: { live: { gates } } });
}

/** A policy as the API hands it in: with a key of its own, unless a test gives one. */
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
