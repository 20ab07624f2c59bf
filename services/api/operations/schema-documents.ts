import { z } from 'zod';

import { digestOf } from '@pointsman/protocol/digest';
import { Policy } from '../../../core/policy.ts';
import { RecipeSchema } from '../../compiler/recipe/recipe-schema.ts';

/** The schemas of the files that people write, by file name. */
const SOURCES = { 'pointsman.json': RecipeSchema, 'policy.json': Policy } as const;

export type SchemaName = keyof typeof SOURCES;

/** A JSON Schema in the form in which it is served. */
export interface SchemaDocument {
  readonly text: Uint8Array<ArrayBuffer>;
  /** The digest of the text, used as the entity tag. */
  readonly digest: string;
}

/**
 * The JSON Schema of a file, generated from the zod schema that validates it. Draft 7 is used because editors support
 * it best. It describes the file as its author writes it, before defaults are added. Rules that JSON Schema cannot
 * express, such as unique gate names, are missing: a file may match the schema and still be refused.
 */
export function jsonSchemaOf(name: SchemaName): object {
  return z.toJSONSchema(SOURCES[name], { target: 'draft-7', io: 'input' });
}

export function schemaDocument(name: SchemaName): SchemaDocument {
  const text = Buffer.from(JSON.stringify(jsonSchemaOf(name)));
  return { text, digest: digestOf(text) };
}
