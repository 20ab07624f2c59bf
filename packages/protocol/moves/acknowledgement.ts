import { z } from 'zod';

import { Digest, Generation } from '../identifiers.ts';

/** The body of an acknowledgement, in which a follower reports the generation that it runs. */
export const AcknowledgementBody = z
  .strictObject({
    generation: Generation.meta({
      description: 'The generation of the pointer that the follower runs; 0 while it runs nothing yet.',
    }),
    digest: Digest.nullable().meta({
      description: 'The digest of the artifact that the follower runs; null at generation 0.',
    }),
  })
  .superRefine(({ generation, digest }, context) => {
    if ((generation === 0) === (digest === null)) return;
    const message =
      digest === null ? 'must be the digest of that generation' : 'must be null when generation is 0';
    context.addIssue({ code: 'custom', path: ['digest'], message });
  })
  .meta({
    id: 'AcknowledgementBody',
    example: {
      generation: 17,
      digest: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
    },
  });
export type AcknowledgementBody = z.input<typeof AcknowledgementBody>;
