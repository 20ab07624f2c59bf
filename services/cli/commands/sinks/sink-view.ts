import { z } from 'zod';

import { SinkKind } from '../../../../core/sink.ts';
import { printable } from '../../output/printable.ts';
import type { Terminal } from '../../output/terminal.ts';
import { counted, moment } from '../../output/format.ts';

/** A sink as the API shows it, as far as commands need it. */
export const SinkView = z.looseObject({
  sink: z.string(),
  kind: SinkKind,
  url: z.string().nullable(),
  state: z.enum(['active', 'failing', 'paused']),
  cursor: z.string(),
  lag: z.number().int(),
  deliveredAt: z.string().nullable(),
  failures: z.number().int(),
  failingSince: z.string().nullable(),
  retryAt: z.string().nullable(),
  lastError: z.string().nullable(),
  pausedBy: z.string().nullable(),
  pausedAt: z.string().nullable(),
  pauseReason: z.string().nullable(),
  // An older API does not report it.
  sealedUnder: z.enum(['current', 'previous', 'lost']).nullish(),
});
export type SinkView = z.infer<typeof SinkView>;

/** One try at a webhook. */
export const AttemptView = z.looseObject({
  event: z.string(),
  seq: z.number().int().nullable(),
  delivered: z.boolean(),
  status: z.number().int().nullable(),
  summary: z.string(),
  tookMs: z.number(),
  at: z.string(),
});
export type AttemptView = z.infer<typeof AttemptView>;

/** What has become of one event that was sent beside the cursor. */
export const SentView = z.looseObject({
  sent: z.boolean(),
  event: z.string(),
  reason: z.string().nullable().default(null),
});

const PAINT = { active: 'green', failing: 'red', paused: 'yellow' } as const;

/** A line of the list: its name, how it is, how far behind. */
export function sinkRow(sink: SinkView, terminal: Terminal): string[] {
  return [
    sink.sink,
    sink.kind,
    terminal.paint(PAINT[sink.state], sink.state),
    behind(sink),
    printable(trouble(sink) ?? sink.url ?? ''),
  ];
}

export function sinkFields(sink: SinkView, terminal: Terminal): string[][] {
  const problem = trouble(sink);
  return [
    ['kind', sink.kind],
    ...(sink.url === null ? [] : [['url', printable(sink.url)]]),
    ['state', terminal.paint(PAINT[sink.state], sink.state)],
    ...(problem === null ? [] : [['', printable(problem)]]),
    ['cursor', printable(sink.cursor)],
    ['lag', behind(sink)],
    ['delivered', sink.deliveredAt === null ? 'nothing yet' : moment(sink.deliveredAt)],
  ];
}

/** How far behind it is. */
export function behind({ lag }: SinkView): string {
  return lag === 0 ? 'up to date' : `${counted(lag, 'move')} behind`;
}

/** Why it delivers nothing, if it does not. */
export function trouble(sink: SinkView): string | null {
  if (sink.state === 'paused') {
    const why = sink.pauseReason === null ? '' : `: ${sink.pauseReason}`;
    return `paused by ${sink.pausedBy ?? '?'} at ${moment(sink.pausedAt ?? '')}${why}`;
  }
  if (sink.state !== 'failing') return null;
  const again = sink.retryAt === null ? '' : `, next try at ${moment(sink.retryAt)}`;
  const tries = counted(sink.failures, 'try').replace('trys', 'tries');
  return `${tries} since ${moment(sink.failingSince ?? '')}${again}: ${sink.lastError ?? 'nobody knows why'}`;
}
