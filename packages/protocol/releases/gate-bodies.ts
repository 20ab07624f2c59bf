import { z } from 'zod';

import { Digest, GateName, Generation } from '../identifiers.ts';
import { httpUrl } from '../json/storable.ts';
import { requestLimits } from '../limits.ts';
import { FreeText } from '../text/free-text.ts';
import { Conclusion, Decision } from './gate.ts';

/** A person's decision on an approval gate of a release. */
export const ApprovalBody = z
  .strictObject({
    decision: Decision,
    digest: Digest.meta({
      description: "The release's `digest`. The decision applies to this artifact only.",
    }),
    generation: Generation.optional().meta({
      description:
        'The generation of the pointer that the release was compared with. 412 with the current pointer if it has moved since.',
    }),
    gate: GateName.optional().meta({
      description: 'The name of the gate, required if the release waits for several approvals.',
    }),
    comment: FreeText.optional().meta({ description: 'A human-readable reason.' }),
  })
  .meta({
    id: 'ApprovalBody',
    example: {
      decision: 'approve',
      digest: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
      generation: 16,
      comment: 'Looks right',
    },
  });
export type ApprovalBody = z.input<typeof ApprovalBody>;

/** The result of a check, as a token reports it. */
export const CheckBody = z
  .strictObject({
    conclusion: Conclusion,
    summary: FreeText.optional().meta({ description: 'A human-readable summary of the result.' }),
    // People open this URL as a link in a browser. Only HTTP and HTTPS are allowed, because a browser would execute a
    // `javascript:` URL.
    url: httpUrl(requestLimits.urlChars).optional().meta({ description: 'A link to the full result.' }),
    digest: Digest.optional().meta({
      description: 'The digest of what was checked. 409 if the release has a different one.',
    }),
  })
  .meta({
    id: 'CheckBody',
    example: {
      conclusion: 'success',
      summary: '212 conversations replayed',
      url: 'https://ci.example/runs/4711',
    },
  });
export type CheckBody = z.input<typeof CheckBody>;
