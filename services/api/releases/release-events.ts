import { z } from 'zod';

import type { GateChange } from '@pointsman/protocol/releases/gate';
import { STAGES } from '@pointsman/protocol/releases/release';
import type { ReleaseView } from '@pointsman/protocol/releases/release-view';
import { streamEvents } from '@pointsman/protocol/stream-events';

/**
 * The position of an event in the progress of a release. `major` numbers the stage events. `minor` numbers the gate changes after a stage
 * event.
 */
export interface EventId {
  readonly major: number;
  /** The number of the gate change, starting at 1. It is 0 for a stage event and for the final event. */
  readonly minor: number;
}

/** The position before the first event of a release. */
export const NO_EVENT: EventId = { major: 0, minor: 0 };

/** A server-sent event about the progress of a release. */
export interface ReleaseEvent {
  readonly id: EventId;
  readonly event: (typeof streamEvents)['stage' | 'gate' | 'settled'];
  readonly data: unknown;
}

const SETTLED = stageId(STAGES.length);
const GATE_BEGAN = stageId(STAGES.indexOf('gate'));

/**
 * Returns all recorded events of a release, in order. Their IDs depend only on the database, so every process gives an event the same ID. A
 * reader can therefore resume with `Last-Event-ID` at any process.
 */
export function releaseEvents(release: ReleaseView, gateChanges: readonly GateChange[]): ReleaseEvent[] {
  const events: ReleaseEvent[] = release.stages.flatMap((stage) => {
    const id = stageId(STAGES.indexOf(stage.stage));
    const { stage: name, startedAt } = stage;
    const began: ReleaseEvent = {
      id,
      event: streamEvents.stage,
      data: { stage: name, state: 'running', startedAt },
    };
    const ended: ReleaseEvent = {
      id: { ...id, major: id.major + 1 },
      event: streamEvents.stage,
      data: stage,
    };
    return hasEnded(stage, release) ? [began, ended] : [began];
  });
  for (const { n, ...data } of gateChanges) {
    events.push({ id: { major: GATE_BEGAN.major, minor: n }, event: streamEvents.gate, data });
  }
  events.sort((a, b) => (isAfter(a.id, b.id) ? 1 : -1));
  if (release.status === 'settled') events.push({ id: SETTLED, event: streamEvents.settled, data: release });
  return events;
}

/**
 * Whether the state of the stage is final. Passed gates reopen if another release goes live before this release moves the pointer. The end
 * of the gate stage is therefore sent only after a later stage has been recorded.
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

/** Encodes an event ID as text for the event stream. */
export function encodeEventId({ major, minor }: EventId): string {
  return minor === 0 ? `${major}` : `${major}.${minor}`;
}

/** Parses the `Last-Event-ID` header. It is the inverse of {@link encodeEventId}. */
export const EventIdText = z
  .string()
  .regex(/^[0-9]{1,9}(?:\.[0-9]{1,9})?$/, 'must be the id of an event of this stream')
  .transform((text): EventId => {
    const [major = 0, minor = 0] = text.split('.').map(Number);
    return { major, minor };
  });
