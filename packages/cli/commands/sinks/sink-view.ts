import type { SinkView } from '@pointsman/client/internal/http/resources';
import { printable } from '../../output/printable.ts';
import type { Terminal } from '../../output/terminal.ts';
import { counted, moment } from '../../output/format.ts';

const PAINT = { active: 'green', failing: 'red', paused: 'yellow' } as const;

/** Returns the row of a sink in the list: its name, kind, state and lag. */
export function sinkRow(sink: SinkView, terminal: Terminal): string[] {
  return [
    sink.sink,
    sink.kind,
    terminal.paint(PAINT[sink.state], sink.state),
    lagOf(sink),
    printable(failureOf(sink) ?? sink.url ?? ''),
  ];
}

export function sinkFields(sink: SinkView, terminal: Terminal): string[][] {
  const problem = failureOf(sink);
  return [
    ['kind', sink.kind],
    ...(sink.url === null ? [] : [['url', printable(sink.url)]]),
    ['state', terminal.paint(PAINT[sink.state], sink.state)],
    ...(problem === null ? [] : [['', printable(problem)]]),
    ['cursor', printable(sink.cursor)],
    ['lag', lagOf(sink)],
    ['delivered', sink.deliveredAt === null ? 'nothing yet' : moment(sink.deliveredAt)],
  ];
}

/** Describes how many moves have not been delivered to the sink yet. */
export function lagOf({ lag }: SinkView): string {
  return lag === 0 ? 'up to date' : `${counted(lag, 'move')} behind`;
}

/**
 * Describes why moves are not delivered to the sink: it is paused, or deliveries fail. Returns null if they
 * are delivered.
 */
export function failureOf(sink: SinkView): string | null {
  if (sink.state === 'paused') {
    const why = sink.pauseReason === null ? '' : `: ${sink.pauseReason}`;
    return `paused by ${sink.pausedBy ?? '?'} at ${moment(sink.pausedAt ?? '')}${why}`;
  }
  if (sink.state !== 'failing') return null;
  const again = sink.retryAt === null ? '' : `, next attempt at ${moment(sink.retryAt)}`;
  const attempts = counted(sink.failures, 'failed attempt');
  return `${attempts} since ${moment(sink.failingSince ?? '')}${again}: ${sink.lastError ?? 'the reason is unknown'}`;
}
