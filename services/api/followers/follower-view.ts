import { z } from 'zod';

import { Digest, FollowerName, Generation } from '../../../core/identifiers.ts';
import type { FollowerRecord } from '../../postgres/channels/followers.ts';

/** What a follower says that it runs. */
export const AcknowledgementBody = z
  .strictObject({
    generation: Generation.meta({ description: 'Of the pointer; 0 while it runs nothing yet.' }),
    digest: Digest.nullable().meta({ description: 'Of the artifact; null with generation 0.' }),
  })
  .superRefine(({ generation, digest }, context) => {
    if ((generation === 0) === (digest === null)) return;
    const message =
      digest === null ? 'names what runs at that generation' : 'is null while nothing runs (generation 0)';
    context.addIssue({ code: 'custom', path: ['digest'], message });
  })
  .meta({
    id: 'AcknowledgementBody',
    example: {
      generation: 17,
      digest: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
    },
  });

export const FollowerView = z
  .object({
    follower: FollowerName,
    generation: Generation,
    digest: Digest.nullable(),
    state: z.enum(['current', 'behind', 'lost']).meta({
      description: '`lost`: not heard of for three heartbeats and more, so that nobody knows what it runs.',
    }),
    behindBy: z.number().int().min(0).meta({ description: 'Generations between it and the pointer.' }),
    since: z.string().meta({ description: 'When it first said that it runs this.' }),
    seenAt: z.string(),
    by: z.string().meta({ description: 'The token that it speaks by.' }),
  })
  .meta({
    id: 'Follower',
    description: 'A runtime that follows the pointer, and what it last said that it runs.',
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

export function viewFollower({ heard, behindBy, ...shown }: FollowerRecord): z.input<typeof FollowerView> {
  const state = behindBy === 0 ? 'current' : 'behind';
  return { ...shown, state: heard ? state : 'lost', behindBy };
}
