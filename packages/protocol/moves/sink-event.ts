import type { MoveEvent } from './move-event.ts';

/** A test event, with which an operator checks that events reach a sink. Consumers ignore it. */
export interface TestEvent extends Omit<MoveEvent, 'type' | 'data'> {
  readonly type: typeof SINK_TEST;
  readonly data: { readonly tenant: string; readonly sink: string };
}

/** The `type` of {@link TestEvent}. */
export const SINK_TEST = 'pointsman.sink.test';

export type SinkEvent = MoveEvent | TestEvent;
