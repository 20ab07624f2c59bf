import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Digest } from '../../core/identifiers.ts';
import { RemoteCompileRule } from '../../core/policy.ts';

export const CheckErrand = z.object({ url: z.string(), deadlineMs: z.number().int() });
export type CheckErrand = z.infer<typeof CheckErrand>;

export const CompileErrand = z.object({
  rule: RemoteCompileRule,
  source: Digest,
  deadlineMs: z.number().int(),
  /** Resolved once there is something to look at. */
  awakeableId: z.string(),
});
export type CompileErrand = z.infer<typeof CompileErrand>;

/** Virtual object, key = tenant/bundle/vN/check/gate or tenant/bundle/vN/compile/attempt. Carries one request out. */
export const Courier = iface.object('Courier', {
  askCheck: iface.schemas({ input: CheckErrand, output: z.null() }),
  requestCompile: iface.schemas({ input: CompileErrand, output: z.null() }),
});
