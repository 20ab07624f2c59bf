import { z } from 'zod';

import { ChannelName, Digest } from '../identifiers.ts';
import { requestLimits, sourceLimits } from '../limits.ts';
import { FreeText } from '../text/free-text.ts';
import { Instant } from '../time/instant.ts';
import { ConflictRule } from './release.ts';

/** The options of a publish. They are in the JSON body, or in the query if the body is an archive. */
export const PublishOptions = z.strictObject({
  channel: ChannelName.optional().meta({
    description: 'The pointer to move. Default: `live`.',
    example: 'live',
  }),
  createChannel: z.boolean().optional().meta({
    description:
      'Creates the channel. Without it, a bundle that has channels must have this one. The first publish of a bundle creates its first channel under any name.',
  }),
  onConflict: ConflictRule.optional().meta({
    description:
      'What happens when the pointer already has a release in flight: replace it (`supersede`), wait in line (`queue`), or be refused (`reject`). If the policy has a rule for the channel, only that rule is allowed. Default: `supersede`.',
  }),
  message: FreeText.optional().meta({
    description: 'A human-readable reason.',
    example: 'A kinder greeting',
  }),
  notBefore: Instant.optional().meta({
    description: `The pointer does not move before this time, at most ${requestLimits.scheduleMs / 86_400_000} days ahead. The release is compiled immediately, then waits. A past time counts as now.`,
    example: '2026-12-24T07:00:00Z',
  }),
});
export type PublishOptions = z.infer<typeof PublishOptions>;

/** A file in the JSON body of a publish: its text, its bytes in base64, or the digest of stored content. */
export const FileContent = z.union(
  [
    z.string().meta({ description: 'The text, stored as UTF-8.' }),
    z.strictObject({
      base64: z.string().meta({ description: 'The bytes, in base64 with padding (RFC 4648, section 4).' }),
    }),
    z.strictObject({
      digest: Digest.meta({
        description:
          'The digest of content that the tenant has stored. If it is not stored, the publish is refused with `missing_content`.',
      }),
    }),
  ],
  'must be text, {"base64": "…"}, or {"digest": "sha256:…"}',
);

export type FileContent = z.infer<typeof FileContent>;

export const PublishBody = PublishOptions.extend({
  files: z.record(z.string(), FileContent).meta({
    description: 'Every file of the source by its path: relative, separated by "/", without ".." or ".".',
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
export type PublishBody = z.input<typeof PublishBody>;

const Digests = z.array(Digest);

/** A request for those of some contents that the tenant has not stored. */
export const MissingBlobsBody = z
  .strictObject({ digests: Digests.min(1).max(sourceLimits.digestsPerRequest) })
  .meta({
    id: 'MissingBlobsBody',
    example: { digests: ['sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'] },
  });
export type MissingBlobsBody = z.input<typeof MissingBlobsBody>;

export const MissingBlobs = z
  .object({ missing: Digests })
  .meta({ id: 'MissingBlobs', description: 'The digests whose content the tenant has not stored.' });
export type MissingBlobs = z.infer<typeof MissingBlobs>;

/** The query of a publish whose body is an archive. */
export const PublishQuery = PublishOptions.extend({
  createChannel: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .meta({ description: PublishOptions.shape.createChannel.description }),
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: 'Dry run: check the source without storing it or comparing it with what is live.' }),
});
export type PublishQuery = z.input<typeof PublishQuery>;

/** A request to cancel a release. */
export const CancelBody = z
  .strictObject({ reason: FreeText.optional().meta({ description: 'A human-readable reason.' }) })
  .meta({ id: 'CancelBody', example: { reason: 'wrong file' } })
  .optional();
export type CancelBody = z.input<typeof CancelBody>;
