import { Ajv } from 'ajv';
import type { Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft06 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import ajvDraft04 from 'ajv-draft-04';
import ajvFormats from 'ajv-formats';

// Both packages are CommonJS: Node gives their exports as the default, the types say otherwise.
const Ajv04 = ajvDraft04 as unknown as typeof ajvDraft04.default;
const addFormats = ajvFormats as unknown as typeof ajvFormats.default;

/**
 * Unknown keywords and formats are allowed, as the specifications say; formats that are known are asserted in every draft.
 * Own properties only: otherwise every document would have a "constructor". Schemas are checked against their meta-schema by us,
 * to report all that is wrong with them. No loader is given, so nothing is ever fetched.
 */
const options: Options = {
  strict: false,
  allErrors: true,
  ownProperties: true,
  validateSchema: false,
  addUsedSchema: false,
  logger: false,
};

export type SchemaReader =
  InstanceType<typeof Ajv> | InstanceType<typeof Ajv2020> | InstanceType<typeof Ajv04>;

const dialects = {
  'http://json-schema.org/draft-04/schema': () => new Ajv04(options),
  'http://json-schema.org/draft-06/schema': () => new Ajv(options).addMetaSchema(draft06),
  'http://json-schema.org/draft-07/schema': () => new Ajv(options),
  'https://json-schema.org/draft/2019-09/schema': () => new Ajv2019(options),
  'https://json-schema.org/draft/2020-12/schema': () => new Ajv2020(options),
} as const;

export type SchemaDialect = keyof typeof dialects;

/** The dialect of a schema that names none: the current one. */
const DEFAULT_DIALECT: SchemaDialect = 'https://json-schema.org/draft/2020-12/schema';

/** The dialect that `$schema` names; null when it is none that can be read. http and https, with or without "#", are the same. */
export function dialectNamed(uri: unknown): SchemaDialect | null {
  if (uri === undefined) return DEFAULT_DIALECT;
  if (typeof uri !== 'string') return null;
  const bare = uri.replace(/#$/, '').replace(/^https?:/, '');
  return (
    (Object.keys(dialects) as SchemaDialect[]).find((known) => known.replace(/^https?:/, '') === bare) ?? null
  );
}

export function schemaReader(dialect: SchemaDialect): SchemaReader {
  const reader = dialects[dialect]();
  addFormats(reader);
  return reader;
}

/** Drafts before 06 call a schema's own URI `id`. */
export function idKeyword(dialect: SchemaDialect): '$id' | 'id' {
  return dialect === 'http://json-schema.org/draft-04/schema' ? 'id' : '$id';
}
