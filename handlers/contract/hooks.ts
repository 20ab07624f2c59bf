import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { DeliveryState } from '../../core/hook.ts';
import { Version } from '../../core/identifiers.ts';

/** The names, keys and messages of what hooks set off: as contract.ts, which is long enough. */

export const HookDeliveryResult = z.object({
  state: DeliveryState,
  version: Version.nullable(),
  reason: z.string().nullable(),
});
export type HookDeliveryResult = z.infer<typeof HookDeliveryResult>;

/** Workflow, key = tenant/hook/delivery. Fetches what was pushed, and publishes it. */
export const HookDelivery = iface.workflow('HookDelivery', {
  run: iface.schemas({ input: z.null(), output: HookDeliveryResult }),
});

/** Virtual object, key = tenant/hook/delivery. Tells the commit of a push what has become of it, one word after the other. */
export const CommitStatus = iface.object('CommitStatus', {
  report: iface.schemas({ input: z.null(), output: z.null() }),
});
