import type { HookProvider } from '@pointsman/protocol/hook';
import { parseBoundedJson } from '@pointsman/protocol/json/json-bounds';
import { deliveryLimits } from './limits.ts';
import { readDelivery } from './read-delivery.ts';
import { applyRule, type Rule, type RuleResult } from './rule.ts';

export interface DeliveryTask {
  readonly provider: HookProvider;
  readonly event: string;
  readonly rule: Rule;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type ClassifiedDelivery =
  | RuleResult
  | { readonly kind: 'malformed' }
  /** The delivery has a valid signature, but its payload does not have the provider's format. */
  | { readonly kind: 'unreadable'; readonly problem: string };

/**
 * Parses one payload and applies the hook's rule to it. This function runs in the thread. It returns only the data
 * that is recorded, so the payload is not copied back.
 */
export function readInThread({ provider, event, rule, bytes }: DeliveryTask): ClassifiedDelivery {
  const { depth, values } = deliveryLimits;
  const json = parseBoundedJson(bytes, { depth, values });
  if (json.kind === 'not_json') return { kind: 'malformed' };
  if (json.kind === 'excess') return { kind: 'unreadable', problem: json.problem };
  const delivered = readDelivery(provider, event, json.value);
  return delivered.kind === 'unreadable' ? delivered : applyRule(rule, delivered);
}
