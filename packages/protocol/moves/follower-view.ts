import { z } from 'zod';

import { Digest, FollowerName, Generation } from '../identifiers.ts';

export const FollowerView = z
  .object({
    follower: FollowerName,
    generation: Generation,
    digest: Digest.nullable(),
    state: z.enum(['current', 'behind', 'lost']).meta({
      description: '`lost`: no acknowledgement for more than three heartbeats, so its state is unknown.',
    }),
    behindBy: z
      .number()
      .int()
      .min(0)
      .meta({ description: 'The number of generations between the follower and the pointer.' }),
    since: z.string().meta({ description: 'When the follower first acknowledged this generation.' }),
    seenAt: z.string(),
    by: z.string().meta({ description: 'The token that the follower uses.' }),
  })
  .meta({
    id: 'Follower',
    description: 'A runtime that follows the pointer, and its last acknowledgement.',
    example: {
      follower: 'bot-7',
      generation: 16,
      digest: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
      state: 'behind',
      behindBy: 1,
      since: '2026-03-01T12:00:00.120Z',
      seenAt: '2026-03-01T12:20:00.000Z',
      by: 'fleet',
    },
  });
export type FollowerView = z.infer<typeof FollowerView>;
