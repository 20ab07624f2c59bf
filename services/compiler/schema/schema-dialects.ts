import { Ajv, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft06 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import ajvDraft04 from 'ajv-draft-04';
import ajvFormats from 'ajv-formats';

import { boundReader, patternEngine } from './bounded-validation.ts';
import type { SchemaReader } from './schema-reader.ts';
import type { WorkMeter } from './work-meter.ts';

// Both packages are CommonJS. Node provides their exports as the default export, but their types declare otherwise.
const Ajv04 = ajvDraft04 as unknown as typeof ajvDraft04.default;
const addFormats = ajvFormats as unknown as typeof ajvFormats.default;

/**
 * Unknown keywords and formats are allowed, as the specifications require. Known formats are asserted in every draft.
 * `ownProperties`: otherwise every document would have a property "constructor". `validateSchema` is off, because
 * schema-validator.ts validates schemas itself, to report all problems. Without a loader, Ajv never fetches a schema.
 * `inlineRefs`: Ajv would otherwise copy a large schema once for each of 10,000 references.
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

/** The dialect of a schema without `$schema`: the latest one. */
const DEFAULT_DIALECT: SchemaDialect = 'https://json-schema.org/draft/2020-12/schema';

/** The dialect for a `$schema`, or null if it is not supported. Ignores "http" or "https", and a final "#". */
export function dialectNamed(uri: unknown): SchemaDialect | null {
  if (uri === undefined) return DEFAULT_DIALECT;
  if (typeof uri !== 'string') return null;
  const bare = uri.replace(/#$/, '').replace(/^https?:/, '');
  return (
    (Object.keys(dialects) as SchemaDialect[]).find((known) => known.replace(/^https?:/, '') === bare) ?? null
  );
}

/** A reader (an Ajv instance) whose compiler and validators count their steps on the meter. */
export function schemaReader(dialect: SchemaDialect, meter: WorkMeter): SchemaReader {
  const reader = dialects[dialect]({ ...options, code: { regExp: patternEngine(meter) } });
  addFormats(reader);
  boundReader(reader, meter);
  return reader;
}

/** The keyword for a schema's own URI: `id` in draft-04, `$id` in later drafts. */
export function idKeyword(dialect: SchemaDialect): '$id' | 'id' {
  return dialect === 'http://json-schema.org/draft-04/schema' ? 'id' : '$id';
}
