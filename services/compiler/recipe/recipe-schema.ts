import { z } from 'zod';

import { ChannelName } from '@pointsman/protocol/identifiers';
import { requestLimits } from '@pointsman/protocol/limits';
import { pathProblem } from '@pointsman/protocol/releases/source';
import { globProblem } from './glob.ts';

const FilePath = z.string().superRefine((path, context) => {
  const problem = pathProblem(path);
  if (problem) context.addIssue({ code: 'custom', message: problem });
});

/**
 * A glob over the paths of the source, as defined in glob.ts. Negation is not supported. It is not needed, because a
 * file is selected only if a pattern matches it.
 */
const Pattern = z
  .string()
  .max(512)
  .superRefine((pattern, context) => {
    const problem =
      globProblem(pattern) ??
      (pattern.startsWith('!') ? 'a pattern may not begin with "!"' : pathProblem(pattern));
    if (problem) context.addIssue({ code: 'custom', message: problem.replace('a path', 'a pattern') });
  });

const Reference = z.string().max(1_024);

const Documents = z.strictObject({
  include: z.array(Pattern).min(1).meta({ description: 'Globs of the documents.' }),
  schema: FilePath.optional().meta({
    description: 'The JSON Schema that each of these documents must match, as a path in the source.',
  }),
});

const ReferenceRule = z.strictObject({
  from: Reference.meta({
    description:
      'The values that refer to something: a glob of documents, "#", and a JSON Pointer in which "*" matches every key or item.',
    examples: ['agents/*.yaml#/tools/*'],
  }),
  to: Reference.meta({
    description:
      'The values that they may refer to, in the same form as "from"; or a glob of files, to refer to their paths.',
    examples: ['tools/*.yaml#/name', 'prompts/**/*.md'],
  }),
});

/** The schema of `pointsman.yaml`. The reference page and the served JSON Schema are generated from it. */
export const RecipeSchema = z
  .strictObject({
    apiVersion: z.literal('pointsman/v1').meta({ description: 'The version of this format.' }),
    documents: z
      .array(Documents)
      .default([])
      .meta({ description: 'JSON, YAML and TOML files that are parsed and published in canonical form.' }),
    references: z
      .array(ReferenceRule)
      .default([])
      .meta({ description: 'Values in documents that must exist elsewhere in the source.' }),
    overlays: z
      .record(ChannelName, FilePath)
      .refine((overlays) => Object.keys(overlays).length <= requestLimits.channelsPerBundle, {
        error: `a source may have at most ${requestLimits.channelsPerBundle} overlays, because a bundle has at most as many channels`,
      })
      .default({})
      .meta({
        description: `For each channel, a JSON, YAML or TOML file that maps paths of documents to JSON Merge Patches (RFC 7396). At most ${requestLimits.channelsPerBundle}.`,
      }),
    modules: z
      .array(
        z.strictObject({
          entry: FilePath.meta({ description: 'The file that exports the module, as a path in the source.' }),
        }),
      )
      .default([])
      .meta({ description: 'JavaScript or TypeScript modules, each bundled into one file.' }),
    assets: z
      .array(Pattern)
      .default([])
      .meta({ description: 'Globs of the files that are published byte for byte.' }),
  })
  .meta({ id: 'Recipe', description: 'pointsman.yaml: how a source compiles.' });

export type Recipe = z.infer<typeof RecipeSchema>;
