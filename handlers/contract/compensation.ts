import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Effect } from '@pointsman/protocol/releases/release';

/**
 * Messages of the Compensation object. The compatibility rules at the top of contract/tenant.ts apply to
 * them.
 */

export const UndoRequest = z.object({ effects: z.array(Effect) });
export type UndoRequest = z.infer<typeof UndoRequest>;

/**
 * Virtual object, key = tenant/bundle/vN. Undoes the effects that a release could not undo before it settled.
 * If an undo fails, the invocation pauses until an operator resumes it.
 */
export const Compensation = iface.object('Compensation', {
  undo: iface.schemas({ input: UndoRequest, output: z.null() }),
});
