import { iface } from '@restatedev/restate-sdk';
import { z } from 'zod';

import { Effect } from '../../core/releases/release.ts';

/** The names, keys and messages of whoever tidies up: as contract.ts, which is long enough. */

export const UndoRequest = z.object({ effects: z.array(Effect) });
export type UndoRequest = z.infer<typeof UndoRequest>;

/** Virtual object, key = tenant/bundle/vN. Undoes what a settled release could not, and waits, paused, for an operator where it can't. */
export const Compensation = iface.object('Compensation', {
  undo: iface.schemas({ input: UndoRequest, output: z.null() }),
});
