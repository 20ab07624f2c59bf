import { z } from 'zod';

import { Digest } from '../identifiers.ts';
import { documentLimits } from '../limits.ts';
import { Diagnostic } from './diagnostic.ts';
import { ReleaseView } from './release-view.ts';

const Warnings = z.array(Diagnostic).meta({
  description: `Warnings about a valid source: files that pointsman.yaml does not select (\`not_selected\`) and patterns that match no file (\`matches_nothing\`). At most ${documentLimits.diagnostics}.`,
});

/** The response to a publish: the accepted release, and warnings about its source. */
export const AcceptedRelease = ReleaseView.extend({ warnings: Warnings }).meta({
  id: 'AcceptedRelease',
  description:
    'The release, and warnings about its source. Warnings are not stored: only this response has them.',
});
export type AcceptedRelease = z.infer<typeof AcceptedRelease>;

/** The response to a dry run, which checks a source without publishing it. */
export const DryRun = z
  .object({
    valid: z.boolean(),
    checked: z.enum(['source', 'structure']).meta({
      description:
        '`source`: the source was compiled. `structure`: only the structure of the files was checked, because an outside compiler compiles this tenant’s sources, or because the structure is invalid.',
    }),
    digest: Digest.nullable().meta({
      description: 'The digest of the source; null if its files do not form a valid source.',
    }),
    diagnostics: z.array(Diagnostic),
    truncated: z.boolean().meta({ description: 'The list of diagnostics is incomplete.' }),
    warnings: Warnings,
  })
  .meta({
    id: 'DryRun',
    description: 'The result of a dry run.',
    example: {
      valid: false,
      checked: 'source',
      digest: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      diagnostics: [
        {
          path: 'agents/support.yaml',
          line: 3,
          column: 7,
          pointer: '/name',
          code: 'type',
          message: 'must be string',
        },
      ],
      truncated: false,
      warnings: [],
    },
  });
