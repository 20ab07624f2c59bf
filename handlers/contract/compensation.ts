import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Effect } from '@pointsman/protocol/releases/release';

/** Messages of the Compensation object. The rules of contract/tenant.ts apply here too. */

export const UndoRequest = z.object({ effects: z.array(Effect) });
export type UndoRequest = z.infer<typeof UndoRequest>;

/**
 * Virtual object, key = tenant/bundle/vN. Undoes the effects that a settled release could not undo. It pauses
 * for an operator when an undo fails.
 */
export const Compensation = iface.object('Compensation', {
  undo: iface.schemas({ input: UndoRequest, output: z.null() }),
});
