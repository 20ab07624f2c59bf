import { z } from 'zod';

import { ChannelName } from '../identifiers.ts';
import { Move, Pointer } from './pointer.ts';

export const pointerExample = {
  version: 12,
  digest: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
  generation: 17,
  hold: null,
  movedAt: '2026-03-01T12:00:00.120Z',
};

/** The state of a channel's pointer, as the API returns it. */
export const PointerView = z.object(Pointer.shape).meta({
  id: 'Pointer',
  description:
    'The state of a channel. Until the first move, the generation is 0 and the other fields are null.',
  example: pointerExample,
});

/** One channel in the list of a bundle's channels. */
export const ChannelView = z.object({ channel: ChannelName, ...Pointer.shape }).meta({
  id: 'Channel',
  description: 'A channel and its pointer.',
  example: { channel: 'live', ...pointerExample },
});

const moveExample = {
  generation: 17,
  from: { version: 11, digest: 'sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9' },
  to: { version: 12, digest: pointerExample.digest },
  by: 'admin',
  why: 'publish',
  restores: null,
  movedAt: '2026-03-01T12:00:00.120Z',
};

/** One move in the history of a pointer, as the API returns it. */
export const MoveView = z
  .object({
    ...Move.shape,
    restores: Move.shape.restores.meta({
      description: 'For a rollback: the generation of the earlier move that it restored.',
    }),
  })
  .meta({ id: 'Move', description: 'One move of a pointer.', example: moveExample });

/** The preview of a rollback: the current pointer, and the move that would be restored. */
export const RollbackView = z
  .object({
    pointer: PointerView.meta({ description: 'The current pointer. Send its generation as `If-Match`.' }),
    move: MoveView.meta({ description: 'The move to restore. Send its generation as `restores`.' }),
  })
  .meta({
    id: 'Rollback',
    description: 'A preview of the result of a rollback.',
    example: {
      pointer: pointerExample,
      move: { ...moveExample, generation: 16, from: null, to: moveExample.from },
    },
  });
