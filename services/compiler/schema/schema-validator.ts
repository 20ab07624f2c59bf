import type { ErrorObject, ValidateFunction } from 'ajv';
import type { Json } from '@pointsman/protocol/json/canonical-json';
import { validationLimits } from '../limits.ts';
import type { Findings } from '../findings.ts';
import { isObject } from '../parse/json-pointer.ts';
import { idKeyword, schemaReader, type SchemaDialect } from './schema-dialects.ts';
import type { SchemaReader } from './schema-reader.ts';
import type { SchemaClosure, SchemaFile } from './schema-files.ts';
import { inheritedAnchors } from './schema-anchors.ts';
import { badPatterns } from './schema-patterns.ts';
import { uriOfPath } from './schema-uris.ts';
import { violationsOf, type Violation } from './schema-violations.ts';
import { WorkTooLong, type WorkMeter } from './work-meter.ts';

/** Returns all violations of a value. The list is empty for a valid value. */
export type Validator = (value: Json) => readonly Violation[];

/**
 * Compiles a schema to a validator. Returns null if the schema, or a schema to which it refers, has errors. The
 * errors are then in the findings.
 */
export function validatorOf(closure: SchemaClosure, found: Findings, meter: WorkMeter): Validator | null {
  try {
    return meter.within(validationLimits.schemaMs, () => compiled(closure, found, meter));
  } catch (error) {
    if (!(error instanceof WorkTooLong)) throw error;
    const seconds = validationLimits.schemaMs / 1_000;
    const message = `compiling this schema takes more than ${seconds} s; simplify it`;
    found.add(closure.root.document.diagnose({ pointer: '', code: 'schema_timeout', message, offset: null }));
    return null;
  }
}

function compiled(closure: SchemaClosure, found: Findings, meter: WorkMeter): Validator | null {
  const { root } = closure;
  const reader = schemaReader(root.dialect, meter);
  const usable = closure.files.map((file) => isUsable(reader, root.dialect, file, found));
  if (usable.includes(false)) return null;
  try {
    addAll(reader, closure);
    const validate = reader.getSchema(uriOfPath(root.path)) as ValidateFunction | undefined;
    if (!validate) throw new Error('the schema cannot be found under its own URI');
    return (value) => (validate(value) ? [] : violationsOf(validate.errors ?? []));
  } catch (error) {
    if (error instanceof WorkTooLong) throw error;
    reportUncompilable(closure, error, found);
    return null;
  }
}

/**
 * Creates the validator for documents that are themselves schemas. The `$schema` of such a document determines the
 * dialect.
 */
export function metaValidator(dialect: SchemaDialect, meter: WorkMeter): Validator {
  const reader = schemaReader(dialect, meter);
  return (value) =>
    reader.validateSchema(value as object) === true ? [] : violationsOf(reader.errors ?? []);
}

function isUsable(reader: SchemaReader, dialect: SchemaDialect, file: SchemaFile, found: Findings): boolean {
  const { document } = file;
  if (file.dialect !== dialect) {
    const message = `a schema of the dialect ${dialect} refers to this one, so this one must have the same dialect`;
    found.add(document.diagnose({ pointer: '/$schema', code: 'schema_dialect', message, offset: null }));
    return false;
  }
  // For a schema with "$async", Ajv's validator returns a promise. The promise would count as a valid result, and its
  // rejection would end the process.
  if (isObject(document.value) && Object.hasOwn(document.value, '$async')) {
    const message = '"$async" is not a keyword of JSON Schema';
    found.add(document.diagnose({ pointer: '/$async', code: 'schema_invalid', message, offset: null }));
    return false;
  }
  const anchors = inheritedAnchors(document.value);
  for (const { pointer, message } of anchors)
    found.add(document.diagnose({ pointer, code: 'schema_invalid', message, offset: null }));
  if (anchors.length > 0) return false;
  if (typeof document.value === 'boolean' || reader.validateSchema(document.value as object) === true)
    return true;
  for (const { pointer, message } of violationsOf(reader.errors as ErrorObject[])) {
    found.add(document.diagnose({ pointer, code: 'schema_invalid', message, offset: null }));
  }
  return false;
}

/**
 * Adds each file to the Ajv instance under three kinds of URI: the URI of its path, its own `$id`, and the URIs that
 * other files use in references to it.
 */
function addAll(reader: SchemaReader, { files, aliases }: SchemaClosure): void {
  const schemas = new Map<string, object | boolean>();
  for (const file of files) {
    const { value } = file.document;
    const keyword = idKeyword(file.dialect);
    const id = isObject(value) ? value[keyword] : undefined;
    const named = isObject(value) && typeof id === 'string' && !id.startsWith('#');
    const schema = named ? { ...value, [keyword]: file.uri } : (value as object | boolean);
    schemas.set(file.path, schema);
    reader.addSchema(schema, uriOfPath(file.path));
  }
  for (const [uri, path] of aliases) {
    const schema = schemas.get(path);
    const file = files.find((candidate) => candidate.path === path);
    if (schema === undefined || !file || file.ids.has(uri) || uri === uriOfPath(path)) continue;
    reader.addSchema(schema, uri);
  }
}

/**
 * Reports why Ajv can't compile a schema. Ajv stops at its first error. This function therefore searches all files
 * for errors of the same kind.
 */
function reportUncompilable(closure: SchemaClosure, error: unknown, found: Findings): void {
  const missing = error instanceof Error && 'missingRef' in error;
  const reported = missing ? reportDangling(closure, found) : reportPatterns(closure, found);
  if (reported) return;
  const { document } = closure.root;
  const message = `the schema cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  found.add(
    document.diagnose({
      pointer: '',
      code: missing ? 'schema_ref' : 'schema_invalid',
      message,
      offset: null,
    }),
  );
}

function reportDangling({ files, aliases }: SchemaClosure, found: Findings): boolean {
  const known = new Set(files.flatMap((file) => [...file.ids, uriOfPath(file.path)]));
  let reported = false;
  for (const { document, links } of files) {
    for (const { uri, ref, pointer } of links) {
      if (known.has(uri) || aliases.has(uri)) continue;
      const message = `${JSON.stringify(ref)} does not exist in the source; schemas are never fetched`;
      found.add(document.diagnose({ pointer, code: 'schema_ref', message, offset: null }));
      reported = true;
    }
  }
  return reported;
}

function reportPatterns({ files }: SchemaClosure, found: Findings): boolean {
  let reported = false;
  for (const { document } of files) {
    for (const { pointer, message } of badPatterns(document.value)) {
      found.add(document.diagnose({ pointer, code: 'schema_invalid', message, offset: null }));
      reported = true;
    }
  }
  return reported;
}
