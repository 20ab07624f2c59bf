import { z } from 'zod';

import type { GateChange } from '../../../core/gates/gate.ts';
import { STAGES } from '../../../core/releases/release.ts';
import type { ReleaseView } from './release-view.ts';

/** Of the stages, in their order; what happens at the gates comes between two of those, counted from 1. */
export interface EventId {
  readonly major: number;
  /** 0 for a stage and for the end. */
  readonly minor: number;
}

/** Before the first event. */
export const NO_EVENT: EventId = { major: 0, minor: 0 };

/** One server-sent event of a release's progress. */
export interface ReleaseEvent {
  readonly id: EventId;
  readonly event: 'stage' | 'gate' | 'settled';
  readonly data: unknown;
}

const SETTLED = stageId(STAGES.length);
const GATE_BEGAN = stageId(STAGES.indexOf('gate'));

/**
 * Everything that has happened to a release, in its order, as far as its record says. The ids follow from what happened, not from who
 * watched: every process gives the same event the same id, so that a reader can go on anywhere with `Last-Event-ID`.
 */
export function releaseEvents(release: ReleaseView, gateChanges: readonly GateChange[]): ReleaseEvent[] {
  const events: ReleaseEvent[] = release.stages.flatMap((stage) => {
    const id = stageId(STAGES.indexOf(stage.stage));
    const { stage: name, startedAt } = stage;
    const began: ReleaseEvent = { id, event: 'stage', data: { stage: name, state: 'running', startedAt } };
    const ended: ReleaseEvent = { id: { ...id, major: id.major + 1 }, event: 'stage', data: stage };
    return hasEnded(stage, release) ? [began, ended] : [began];
  });
  for (const { n, ...data } of gateChanges) {
    events.push({ id: { major: GATE_BEGAN.major, minor: n }, event: 'gate', data });
  }
  events.sort((a, b) => (isAfter(a.id, b.id) ? 1 : -1));
  if (release.status === 'settled') events.push({ id: SETTLED, event: 'settled', data: release });
  return events;
}

/**
 * Whether that is said of a stage for good. Gates that have passed may be open once more, when something else becomes live before the swap:
 * their end is told once what comes after it is on record.
 */
function hasEnded({ stage, state }: ReleaseView['stages'][number], release: ReleaseView): boolean {
  if (state === 'running') return false;
  const mayReopen = stage === 'gate' && state === 'passed' && release.gates.length > 0;
  return !mayReopen || release.status === 'settled' || release.stages.some((one) => one.stage === 'swap');
}

function stageId(index: number): EventId {
  return { major: 2 * index + 1, minor: 0 };
}

export function isAfter(a: EventId, b: EventId): boolean {
  return a.major === b.major ? a.minor > b.minor : a.major > b.major;
}

/** As it goes over the wire. */
export function encodeEventId({ major, minor }: EventId): string {
  return minor === 0 ? `${major}` : `${major}.${minor}`;
}

/** The inverse, for what a reader sends back as its `Last-Event-ID`. */
export const EventIdText = z
  .string()
  .regex(/^[0-9]{1,9}(?:\.[0-9]{1,9})?$/, 'must be the id of an event of this stream')
  .transform((text): EventId => {
    const [major = 0, minor = 0] = text.split('.').map(Number);
    return { major, minor };
  });
