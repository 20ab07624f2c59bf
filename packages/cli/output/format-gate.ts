import { humanDuration } from '@pointsman/protocol/text/amounts';
import { printable } from './printable.ts';
import type { GateView } from '@pointsman/client/internal/http/resources';
import type { Terminal } from './terminal.ts';
import { moment } from './format.ts';

/** Formats one line for a gate: what it waits for and until when, or its result. */
export function gateLine(gate: GateView, terminal: Terminal): string {
  const paint = terminal.json ? terminal.paintErr : terminal.paint;
  if (gate.state === 'open') {
    const until = deadline(gate, terminal);
    return `  … ${gate.gate} ${printable(gate.statusText)}${until === '' ? '' : `, ${until}`}`;
  }
  if (gate.state === 'passed')
    return `  ${paint('green', '✓')} ${gate.gate}${paint('dim', approvedBy(gate))}`;
  return `  ${paint('red', '✗')} ${gate.gate} ${printable(gate.statusText)}`;
}

function approvedBy({ decisions }: GateView): string {
  const names = decisions.filter((decision) => !decision.void).map(({ by }) => printable(by));
  return names.length === 0 ? '' : ` by ${names.join(', ')}`;
}

/** The gates that a release waits for now. */
export function openGates<T extends Pick<GateView, 'state'>>(gates: readonly T[]): T[] {
  return gates.filter(({ state }) => state === 'open');
}

/** The names of the gates that a release waits for, or their number if there are many. */
export function openGateNames(gates: readonly GateView[]): string {
  const names = openGates(gates).map(({ gate }) => gate);
  const text = names.join(', ');
  return text.length > 50 ? `${names.length} gates` : text;
}

/**
 * Formats a deadline or the end of a freeze: relative and in local time at a terminal, or as an exact UTC
 * time in a pipe.
 */
export function deadline(gate: Pick<GateView, 'deadlineAt' | 'opensAt'>, terminal: Terminal): string {
  const end = gate.deadlineAt ?? gate.opensAt;
  if (end === null) return '';
  if (!terminal.isLive) return `until ${moment(end)}`;
  const at = new Date(end);
  const restMs = at.getTime() - Date.now();
  const clock = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' }).format(at);
  return restMs > 0
    ? `for ${humanDuration(restMs)} more, until ${clock}`
    : `until ${clock}, which has passed`;
}
