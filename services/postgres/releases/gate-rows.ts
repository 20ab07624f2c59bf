import { z } from 'zod';

import { WindowRule } from '../../../core/gates/gate-rules.ts';
import { Gate, OpenGate } from '@pointsman/protocol/releases/gate';
import { opensAt } from '../../../core/gates/window.ts';
import { GateFacts, gateText, noFreezeText } from '../../../core/texts/gate-texts.ts';

/**
 * Fields of `gate_json` that the API does not return. The texts and times that the API returns are computed from
 * them.
 */
const Facts = { facts: GateFacts, window: WindowRule.nullable(), notBefore: z.string().nullable() };

/** A gate, parsed from the result of the SQL function `gate_json`. */
export const GateRow = z
  .object({ ...Gate.omit({ opensAt: true, statusText: true }).shape, ...Facts })
  .transform(withTexts);

/** A gate that is still open, with its release. */
export const OpenGateRow = z
  .object({ ...OpenGate.omit({ opensAt: true, statusText: true }).shape, ...Facts })
  .transform(withTexts);

interface Recorded {
  readonly facts: GateFacts;
  readonly window: WindowRule | null;
  readonly notBefore: string | null;
}

/**
 * Adds the status text of a gate, and the time at which it opens. For a time window, both depend on the current time,
 * so they are not stored. A window without an active freeze may be open as a gate: it is evaluated again when the
 * other gates of the release have passed.
 */
function withTexts<T extends Recorded>({ facts, window, notBefore, ...gate }: T) {
  if (window === null || facts.state !== 'open')
    return { ...gate, statusText: gateText(facts), opensAt: notBefore };
  const nowMs = Date.now();
  const ms = opensAt(window, nowMs);
  if (ms === nowMs) return { ...gate, statusText: noFreezeText(window.timezone), opensAt: null };
  return { ...gate, statusText: gateText(facts), opensAt: ms === null ? null : new Date(ms).toISOString() };
}
