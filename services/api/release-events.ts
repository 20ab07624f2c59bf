import { STAGES } from '../../core/release.ts';
import type { ReleaseView } from './release-view.ts';

/** One server-sent event of a release's progress. */
export interface ReleaseEvent {
  readonly id: number;
  readonly event: 'stage' | 'settled';
  readonly data: unknown;
}

const SETTLED_ID = 2 * STAGES.length + 1;

/**
 * Everything that has happened to a release, in its order, as far as its record says. The ids follow from what happened, not from who
 * watched: every process gives the same event the same id, so that a reader can go on anywhere with `Last-Event-ID`.
 */
export function releaseEvents(release: ReleaseView): ReleaseEvent[] {
  const events: ReleaseEvent[] = release.stages.flatMap((stage) => {
    const id = 2 * STAGES.indexOf(stage.stage) + 1;
    const { stage: name, startedAt } = stage;
    const began: ReleaseEvent = { id, event: 'stage', data: { stage: name, state: 'running', startedAt } };
    return stage.state === 'running' ? [began] : [began, { id: id + 1, event: 'stage', data: stage }];
  });
  events.sort((a, b) => a.id - b.id);
  if (release.status === 'settled') events.push({ id: SETTLED_ID, event: 'settled', data: release });
  return events;
}

/** The event as it goes over the wire. */
export function encodeEvent({ id, event, data }: ReleaseEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
