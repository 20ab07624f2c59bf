import { z } from 'zod';

import { ChannelName } from '../../../core/identifiers.ts';
import { Instant } from '../../../core/gates/instant.ts';
import { gateLimits } from '../../../core/limits/limits.ts';
import { ConflictRule } from '../../../core/releases/release.ts';
import type { InvalidSource, ReadSource } from '../../source-archive/read-source.ts';
import { FreeText } from '../requests/free-text.ts';
import type { RequestProblem } from '../responses/problem.ts';

/** How a source is to be published, whichever way it comes. */
export const PublishOptions = z.strictObject({
  channel: ChannelName.optional().meta({
    description: 'The pointer to move; `live` unless told.',
    example: 'live',
  }),
  createChannel: z.boolean().optional().meta({
    description:
      'Creates the channel. Without it, a bundle that has channels must have this one; the first publish of a bundle creates its first channel, whatever its name.',
  }),
  onConflict: ConflictRule.optional().meta({
    description:
      'What happens when the pointer already has a release in flight: take its place (`supersede`), wait in line (`queue`), or be refused (`reject`). Where the policy has a rule for the channel, that one, and no other may be asked for; `supersede` where nobody says.',
  }),
  message: FreeText.optional().meta({ description: 'Why, for people.', example: 'A kinder greeting' }),
  notBefore: Instant.transform((text) => Date.parse(text))
    .optional()
    .meta({
      description: `The pointer does not move before this time, at most ${gateLimits.scheduleMs / 86_400_000} days ahead: the release is compiled at once, and waits. A time that has passed is now.`,
      example: '2026-12-24T07:00:00Z',
    }),
});
export type PublishOptions = z.infer<typeof PublishOptions>;

/** A file of a JSON body: its text, or its bytes. */
const FileContent = z.union(
  [
    z.string().meta({ description: 'The text, stored as UTF-8.' }),
    z.strictObject({
      base64: z.string().meta({ description: 'The bytes, in base64 with padding (RFC 4648, section 4).' }),
    }),
  ],
  'must be a text, or {"base64": "…"}',
);

/** The JSON body of a publish. */
export const PublishBody = PublishOptions.extend({
  files: z.record(z.string(), FileContent).meta({
    description:
      'Every file of the source by its path: relative, with "/" between its parts, without ".." or ".".',
  }),
}).meta({
  id: 'PublishBody',
  example: {
    files: {
      'agents/support.yaml': 'name: support\ntemperature: 0.2\n',
      'logo.png': { base64: 'iVBORw0KGgo=' },
    },
    channel: 'live',
    message: 'A kinder greeting',
  },
});

/** What can become of a body. */
export type SourceBody =
  /** An archive has no options of its own. */
  | (ReadSource & { readonly options: PublishOptions })
  | InvalidSource
  | { readonly kind: 'malformed'; readonly errors: readonly RequestProblem[] }
  | { readonly kind: 'unacceptable'; readonly errors: readonly RequestProblem[] }
  | { readonly kind: 'too_large'; readonly message: string };
