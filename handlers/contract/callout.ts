import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Digest } from '@pointsman/protocol/identifiers';
import { RemoteCompileRule } from '../../core/policy.ts';

export const CheckCallout = z.object({ url: z.string(), deadlineMs: z.number().int() });
export type CheckCallout = z.infer<typeof CheckCallout>;

export const CompileCallout = z.object({
  rule: RemoteCompileRule,
  source: Digest,
  deadlineMs: z.number().int(),
  /**
   * The ID of the awakeable that the release's workflow waits for. It is resolved when the database may
   * contain a result of the attempt.
   */
  awakeableId: z.string(),
});
export type CompileCallout = z.infer<typeof CompileCallout>;

/**
 * Virtual object, key = tenant/bundle/vN/check/gate or tenant/bundle/vN/compile/attempt. Sends one outbound
 * request.
 */
export const Callout = iface.object('Callout', {
  requestCheck: iface.schemas({ input: CheckCallout, output: z.null() }),
  requestCompile: iface.schemas({ input: CompileCallout, output: z.null() }),
});
