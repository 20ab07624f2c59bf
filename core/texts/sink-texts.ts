import { z } from 'zod';

/** The person who paused a sink, and the reason. */
export const SinkPause = z.object({ by: z.string(), reason: z.string().nullable() });
export type SinkPause = z.infer<typeof SinkPause>;

/**
 * The reason why a required sink prevents a pointer from moving. See the SQL function `blocking_sinks` in
 * functions/sinks.sql.
 */
export const BlockingSink = z.discriminatedUnion('cause', [
  /** The tenant has no webhook of that name. */
  z.object({ cause: z.literal('missing'), sink: z.string() }),
  z.object({ cause: z.literal('paused'), sink: z.string(), pause: SinkPause }),
  z.object({
    cause: z.literal('failing'),
    sink: z.string(),
    since: z.string(),
    lastError: z.string().nullable(),
  }),
  /** The last successful health check of the sink is too old. A new check may succeed. */
  z.object({ cause: z.literal('stale_health'), sink: z.string() }),
]);
export type BlockingSink = z.infer<typeof BlockingSink>;

export const MISSING_WEBHOOK = 'there is no webhook of that name';

export function pausedText({ by, reason }: SinkPause): string {
  return `it is paused by ${by}${reason === null ? '' : `: ${reason}`}`;
}

export function blockingSinkText(blocking: BlockingSink): string {
  switch (blocking.cause) {
    case 'missing':
      return MISSING_WEBHOOK;
    case 'paused':
      return pausedText(blocking.pause);
    case 'failing':
      return `it has failed since ${blocking.since}: ${blocking.lastError}`;
    case 'stale_health':
      return 'it has not passed a health check recently';
  }
}

/** Describes the sinks that prevent a release from moving its pointer. */
export function waitsForSinksText(sinks: readonly BlockingSink[]): string {
  return `waits for ${sinks.map((blocking) => `the sink "${blocking.sink}": ${blockingSinkText(blocking)}`).join('; ')}`;
}
