import { z } from 'zod';

import { WindowRule } from '../../../core/gates/gate-rules.ts';
import { Gate, OpenGate } from '../../../core/gates/gate.ts';
import { opensAt } from '../../../core/gates/window.ts';

/** What `gate_json` adds for those gates that only delay. */
const Delay = { window: WindowRule.nullable(), notBefore: z.string().nullable() };

/** A gate as the record has it. */
export const GateRow = z.object({ ...Gate.omit({ opensAt: true }).shape, ...Delay }).transform(withOpening);

/** The same with its release. */
export const OpenGateRow = z
  .object({ ...OpenGate.omit({ opensAt: true }).shape, ...Delay })
  .transform(withOpening);

interface Delayed {
  readonly window: WindowRule | null;
  readonly notBefore: string | null;
}

/** When a window opens follows from its rule and the time of day: it stands nowhere, and is said for whoever looks now. */
function withOpening<T extends Delayed>({ window, notBefore, ...gate }: T) {
  const ms = window === null ? null : opensAt(window, Date.now());
  return { ...gate, opensAt: ms === null ? notBefore : new Date(ms).toISOString() };
}
