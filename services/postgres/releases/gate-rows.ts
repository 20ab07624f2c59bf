import { z } from 'zod';

import { WindowRule } from '../../../core/gates/gate-rules.ts';
import { Gate, OpenGate } from '@pointsman/protocol/releases/gate';
import { opensAt } from '../../../core/gates/window.ts';
import { GateFacts, gateText } from '../../../core/texts/gate-texts.ts';

/** Facts that `gate_json` returns instead of a text, and the fields of gates that only delay a release. */
const Facts = { facts: GateFacts, window: WindowRule.nullable(), notBefore: z.string().nullable() };

/** A gate, read from the result of `gate_json`. */
export const GateRow = z
  .object({ ...Gate.omit({ opensAt: true, statusText: true }).shape, ...Facts })
  .transform(withTexts);

/** A gate together with its release. */
export const OpenGateRow = z
  .object({ ...OpenGate.omit({ opensAt: true, statusText: true }).shape, ...Facts })
  .transform(withTexts);

interface Recorded {
  readonly facts: GateFacts;
  readonly window: WindowRule | null;
  readonly notBefore: string | null;
}

/**
 * Adds the texts of a gate. The time at which a window opens depends on its rule and on the current time, so each read computes it again.
 */
function withTexts<T extends Recorded>({ facts, window, notBefore, ...gate }: T) {
  const ms = window === null ? null : opensAt(window, Date.now());
  const opening = ms === null ? notBefore : new Date(ms).toISOString();
  return { ...gate, statusText: gateText(facts), opensAt: opening };
}
