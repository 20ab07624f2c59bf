import { z } from 'zod';

/** The response of a process that runs. */
export const AliveView = z
  .object({ status: z.literal('ok') })
  .meta({ id: 'Alive', example: { status: 'ok' } });

/** Whether a system responds to a probe. */
export const Probed = z.enum(['ok', 'down']);
export type Probed = z.infer<typeof Probed>;

/** The response of an API that is ready for requests, and the systems that it probed. */
export const ReadyView = z
  .object({ status: z.literal('ready'), postgres: Probed, restate: Probed, worker: Probed })
  .meta({ id: 'Ready', example: { status: 'ready', postgres: 'ok', restate: 'ok', worker: 'ok' } });
export type ReadyView = z.infer<typeof ReadyView>;
