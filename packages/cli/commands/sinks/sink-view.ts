import { z } from 'zod';

import { SinkKind } from '@pointsman/protocol/sinks/sink';
import { printable } from '../../output/printable.ts';
import type { Terminal } from '../../output/terminal.ts';
import { counted, moment } from '../../output/format.ts';

/** A sink in the API's responses, as far as commands need it. */
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
  // An older API does not send it.
  sealedUnder: z.enum(['current', 'previous', 'lost']).nullish(),
});
export type SinkView = z.infer<typeof SinkView>;

/** An attempt to deliver to a webhook. */
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

/** The result of sending one event without moving the cursor. */
export const SentView = z.looseObject({
  sent: z.boolean(),
  event: z.string(),
  reason: z.string().nullable().default(null),
});

const PAINT = { active: 'green', failing: 'red', paused: 'yellow' } as const;

/** A row of the list: name, state, lag. */
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

/** The lag of a sink. */
export function lagOf({ lag }: SinkView): string {
  return lag === 0 ? 'up to date' : `${counted(lag, 'move')} behind`;
}

/** Why the sink does not deliver; null if it does. */
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
