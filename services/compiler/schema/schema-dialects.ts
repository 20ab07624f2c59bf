import { Ajv, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft06 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import ajvDraft04 from 'ajv-draft-04';
import ajvFormats from 'ajv-formats';

import { boundReader, patternEngine } from './bounded-validation.ts';
import type { SchemaReader } from './schema-reader.ts';
import type { WorkMeter } from './work-meter.ts';

// Both packages are CommonJS modules with type declarations that do not match. Node provides `module.exports` as the
// default export, but according to the declarations it is in the property `default`.
const Ajv04 = ajvDraft04 as unknown as typeof ajvDraft04.default;
const addFormats = ajvFormats as unknown as typeof ajvFormats.default;

/**
 * The options of every Ajv instance:
 *
 * - `strict: false` allows unknown keywords and formats, as the specifications require.
 * - `ownProperties` makes Ajv ignore inherited properties. Otherwise every document would have a property
 *   "constructor".
 * - `validateSchema` is off, because schema-validator.ts validates schemas and reports all their errors.
 * - `inlineRefs` is limited. Otherwise Ajv would copy a large schema once for each of up to 10,000 references.
 *
 * No loader is configured, so Ajv never fetches a schema.
 */
const options: Options = {
  strict: false,
  allErrors: true,
  ownProperties: true,
  validateSchema: false,
  addUsedSchema: false,
  inlineRefs: 64,
  logger: false,
};

const dialects = {
  'http://json-schema.org/draft-04/schema': (given: Options) => new Ajv04(given),
  'http://json-schema.org/draft-06/schema': (given: Options) => new Ajv(given).addMetaSchema(draft06),
  'http://json-schema.org/draft-07/schema': (given: Options) => new Ajv(given),
  'https://json-schema.org/draft/2019-09/schema': (given: Options) => new Ajv2019(given),
  'https://json-schema.org/draft/2020-12/schema': (given: Options) => new Ajv2020(given),
} as const;

export type SchemaDialect = keyof typeof dialects;

/** The dialect of a schema without a `$schema`. */
const DEFAULT_DIALECT: SchemaDialect = 'https://json-schema.org/draft/2020-12/schema';

/**
 * Returns the dialect that a `$schema` names, or null if it is not supported. The scheme ("http" or "https") and a
 * final "#" make no difference.
 */
export function dialectNamed(uri: unknown): SchemaDialect | null {
  if (uri === undefined) return DEFAULT_DIALECT;
  if (typeof uri !== 'string') return null;
  const bare = uri.replace(/#$/, '').replace(/^https?:/, '');
  return (
    (Object.keys(dialects) as SchemaDialect[]).find((known) => known.replace(/^https?:/, '') === bare) ?? null
  );
}

/**
 * Creates an Ajv instance for a dialect. The steps of its compiler and its validators are counted on the work meter,
 * which limits their CPU time.
 */
export function schemaReader(dialect: SchemaDialect, meter: WorkMeter): SchemaReader {
  const reader = dialects[dialect]({ ...options, code: { regExp: patternEngine(meter) } });
  addFormats(reader);
  boundReader(reader, meter);
  return reader;
}

/** Returns the keyword for the URI of a schema: `id` in draft-04, and `$id` in later drafts. */
export function idKeyword(dialect: SchemaDialect): '$id' | 'id' {
  return dialect === 'http://json-schema.org/draft-04/schema' ? 'id' : '$id';
}
