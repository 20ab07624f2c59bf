import { humanDuration } from '@pointsman/protocol/text/amounts';
import { printable } from './printable.ts';
import type { GateView } from '@pointsman/client/internal/http/resources';
import type { Terminal } from './terminal.ts';
import { moment } from './format.ts';

/**
 * Formats a gate as one line. An open gate is shown with what it waits for and until when, any other gate
 * with its result.
 */
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

/** Returns the gates that the release still waits for. It does not wait for a window without an active freeze. */
export function openGates<T extends Pick<GateView, 'state' | 'kind' | 'opensAt'>>(gates: readonly T[]): T[] {
  return gates.filter(
    ({ state, kind, opensAt }) => state === 'open' && (kind !== 'window' || opensAt !== null),
  );
}

/**
 * Returns the names of the gates that a release still waits for. If the names are too long for one column,
 * returns the number of gates instead.
 */
export function openGateNames(gates: readonly GateView[]): string {
  const names = openGates(gates).map(({ gate }) => gate);
  const text = names.join(', ');
  return text.length > 50 ? `${names.length} gates` : text;
}

/**
 * Formats the time at which the wait for a gate ends: its deadline, or the opening of a window. At a terminal
 * the time is relative and local, in a pipe it is the exact UTC time.
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
