import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { DeliveryState } from '@pointsman/protocol/hook';
import { Version } from '@pointsman/protocol/identifiers';

/** Messages of the hook services. The compatibility rules at the top of contract/tenant.ts apply to them. */

export const HookDeliveryResult = z.object({
  state: DeliveryState,
  version: Version.nullable(),
  reason: z.string().nullable(),
});
export type HookDeliveryResult = z.infer<typeof HookDeliveryResult>;

/** Workflow, key = tenant/hook/delivery. Fetches the source of one push and publishes it. */
export const HookDelivery = iface.workflow('HookDelivery', {
  run: iface.schemas({ input: z.null(), output: HookDeliveryResult }),
});

/**
 * Virtual object, key = tenant/hook/delivery. Reports the state of one push to the Git provider as commit
 * statuses, one request at a time.
 */
export const CommitStatus = iface.object('CommitStatus', {
  report: iface.schemas({ input: z.null(), output: z.null() }),
});
