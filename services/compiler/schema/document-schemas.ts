import type { Json } from '@pointsman/protocol/json/canonical-json';
import { validationLimits } from '../limits.ts';
import type { Findings } from '../findings.ts';
import { childOf } from '../parse/json-pointer.ts';
import type { ParsedDocument } from '../parse/parse-document.ts';
import { dialectNamed } from './schema-dialects.ts';
import { schemaFiles } from './schema-files.ts';
import { pathOfLink } from './schema-links.ts';
import { uriOfPath, resolve } from './schema-uris.ts';
import { metaValidator, validatorOf, type Validator } from './schema-validator.ts';
import type { SourceFiles } from '../source-files.ts';
import { workMeter, WorkTooLong } from './work-meter.ts';

/**
 * A schema that documents are validated against. It is either a file of the source, with its path as the name, or a
 * meta-schema, with its URI as the name.
 */
export interface DocumentSchema {
  readonly name: string;
  /** The digest of all files that the schema consists of. */
  readonly digest: string;
  /**
   * Returns the validator. The first call compiles the schema. Returns null if the schema is invalid; the errors are
   * then in the findings.
   */
  readonly validator: () => Validator | null;
}

export interface DocumentSchemas {
  /**
   * Returns the schema at a path. Returns null if the file is not a valid schema; the errors are then in the
   * findings.
   */
  readonly byPath: (path: string) => Promise<DocumentSchema | null>;
  /**
   * Returns the schema that the document names in its own `$schema`. Returns undefined if the document has no
   * `$schema`, and null if the schema is invalid or missing.
   */
  readonly ownOf: (document: ParsedDocument) => Promise<DocumentSchema | null | undefined>;
  /** Runs a function that validates one document against all its schemas. Limits its CPU time. */
  readonly bounded: <T>(validation: () => T) => T;
  /** Returns the paths of all files that the schema at this path consists of. */
  readonly filesOf: (path: string) => Promise<readonly string[]>;
}

export function documentSchemas(source: SourceFiles, found: Findings): DocumentSchemas {
  const files = schemaFiles(source, found);
  const meter = workMeter();
  const known = new Map<string, DocumentSchema>();
  const once = (name: string, digest: string, make: () => Validator | null): DocumentSchema => {
    const schema = known.get(name) ?? { name, digest, validator: lazily(make) };
    known.set(name, schema);
    return schema;
  };
  const byPath: DocumentSchemas['byPath'] = async (path) => {
    const dialect = dialectNamed(path);
    if (dialect) return once(dialect, dialect, () => metaValidator(dialect, meter));
    if (!source.find(path)) return null;
    const closure = await files.closureOf(path);
    return closure && once(path, closure.digest, () => validatorOf(closure, found, meter));
  };
  const ownOf: DocumentSchemas['ownOf'] = async (document) => {
    const named = childOf(document.value, '$schema');
    if (typeof named !== 'string') return undefined;
    const dialect = dialectNamed(named);
    if (dialect) return await byPath(dialect);
    const relative = pathOfLink(named, document.path);
    const path =
      relative !== null && source.find(relative)
        ? relative
        : await files.findById(resolve(uriOfPath(document.path), named));
    if (path !== null) return await byPath(path);
    const message = 'this schema is not in the source; schemas are never fetched';
    found.add(document.diagnose({ pointer: '/$schema', code: 'schema_missing', message, offset: null }));
    return null;
  };
  return {
    byPath,
    ownOf,
    bounded: (validation) => meter.within(validationLimits.documentMs, validation),
    filesOf: async (path) =>
      source.find(path) ? ((await files.closureOf(path))?.files.map((file) => file.path) ?? []) : [],
  };
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

/**
 * Returns the violations of a value. If the validation can't finish, returns one violation that names the reason. A
 * stack overflow means that the schema refers to itself without descending into the value. A timeout means that the
 * schema requires too much work. Examples are references inside `anyOf`, a long list of alternatives, and a pattern
 * that is matched against a long text.
 */
export function violationsIn(
  schema: DocumentSchema,
  validator: Validator,
  value: Json,
): ReturnType<Validator> {
  try {
    return validator(value);
  } catch (error) {
    if (error instanceof RangeError) return atRoot('recursion', 'the schema refers to itself endlessly');
    if (error instanceof WorkTooLong) return atRoot('timeout', tooLongMessage(schema.name));
    throw error;
  }
}

function tooLongMessage(schema: string): string {
  return `validation against ${schema} takes more than ${validationLimits.documentMs / 1_000} s; simplify the schema or split the document`;
}

function atRoot(rule: string, message: string): ReturnType<Validator> {
  return [{ pointer: '', key: false, code: `schema_${rule}`, message }];
}
