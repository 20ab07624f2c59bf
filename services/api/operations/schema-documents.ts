import { z } from 'zod';

import { digestOf } from '@pointsman/protocol/digest';
import { Policy } from '../../../core/policy.ts';
import { RecipeSchema } from '../../compiler/recipe/recipe-schema.ts';

/** The zod schemas of the files that users write, by the name under which the JSON Schema is served. */
const SOURCES = { 'pointsman.json': RecipeSchema, 'policy.json': Policy } as const;

export type SchemaName = keyof typeof SOURCES;

/** A JSON Schema, encoded as it is served. */
export interface SchemaDocument {
  readonly text: Uint8Array<ArrayBuffer>;
  /** The digest of the text. It is used as the entity tag. */
  readonly digest: string;
}

/**
 * Returns the JSON Schema of a file, generated from the zod schema that validates the file. It uses draft 7, which editors support best. It
 * describes the file as users write it, before defaults are added. Rules that JSON Schema cannot express, such as unique gate names, are
 * missing. A file may therefore match the JSON Schema and still be refused.
 */
export function jsonSchemaOf(name: SchemaName): object {
  return z.toJSONSchema(SOURCES[name], { target: 'draft-7', io: 'input' });
}

export function schemaDocument(name: SchemaName): SchemaDocument {
  const text = Buffer.from(JSON.stringify(jsonSchemaOf(name)));
  return { text, digest: digestOf(text) };
}
