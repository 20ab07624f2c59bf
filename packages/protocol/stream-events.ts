/** The media type of server-sent events (HTML, section 9.2). */
export const EVENT_STREAM_TYPE = 'text/event-stream';

/** The names of the events in the API's streams. */
export const streamEvents = {
  /** The current pointer of a channel. */
  pointer: 'pointer',
  /** A move in a tenant's feed. */
  moved: 'moved',
  /** The start or the end of a stage of a release. */
  stage: 'stage',
  /** A change of a gate of a release. */
  gate: 'gate',
  /** The settled release, as the last event of its stream. */
  settled: 'settled',
} as const;
