import { z } from 'zod';

import type { Diagnostic } from '../../core/diagnostic.ts';
import { ChannelName } from '../../core/identifiers.ts';
import { ConflictRule } from '../../core/release.ts';
import type { SourceTree } from '../../core/source.ts';
import { FreeText } from './free-text.ts';
import type { RequestProblem } from './problem.ts';

/** How a source is to be published, whichever way it comes. */
export const PublishOptions = z.strictObject({
  channel: ChannelName.optional().meta({
    description: 'The pointer to move; `live` unless told.',
    example: 'live',
  }),
  onConflict: ConflictRule.optional().meta({
    description:
      'What happens when the pointer already has a release in flight: take its place (`supersede`, unless told otherwise), wait in line (`queue`), or be refused (`reject`).',
  }),
  message: FreeText.optional().meta({ description: 'Why, for people.', example: 'A kinder greeting' }),
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

/** A body that was read, and what was in it. */
export interface ReadSource {
  readonly kind: 'source';
  readonly tree: SourceTree;
  /** All different contents one after the other, each as long as its digest's entry says, in the order of `digests`. */
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly digests: readonly string[];
  readonly ends: readonly number[];
  /** Of a JSON body; an archive has none. */
  readonly options: PublishOptions;
}

/** What can become of a body. */
export type SourceBody =
  | ReadSource
  | { readonly kind: 'malformed'; readonly errors: readonly RequestProblem[] }
  | { readonly kind: 'unacceptable'; readonly errors: readonly RequestProblem[] }
  | { readonly kind: 'too_large'; readonly message: string }
  /** Its files can't be a source. */
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly truncated: boolean };

/** The contents by their digests: views into the arena. */
export function contentsOf({ arena, digests, ends }: ReadSource): Map<string, Uint8Array> {
  let start = 0;
  return new Map(
    digests.map((digest, index) => {
      const end = ends[index] ?? start;
      const content = arena.subarray(start, end);
      start = end;
      return [digest, content];
    }),
  );
}
