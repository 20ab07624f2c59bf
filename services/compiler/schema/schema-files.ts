import { canonicalJson, type Json } from '@pointsman/protocol/json/canonical-json';
import { digestOf } from '@pointsman/protocol/digest';
import type { Findings } from '../findings.ts';
import { childOf } from '../parse/json-pointer.ts';
import { formatOf, parseDocument, type ParsedDocument } from '../parse/parse-document.ts';
import { dialectNamed, idKeyword, type SchemaDialect } from './schema-dialects.ts';
import { pathOfLink, schemaLinks, type SchemaLink } from './schema-links.ts';
import { pathOfUri, resolve, uriOfPath } from './schema-uris.ts';
import type { SourceFiles } from '../source-files.ts';

export interface SchemaFile {
  readonly path: string;
  readonly document: ParsedDocument;
  readonly dialect: SchemaDialect;
  /**
   * The absolute URI of the schema. It is the schema's `$id`, resolved against the URI of its file. If the schema has
   * no `$id`, it is the URI of the file.
   */
  readonly uri: string;
  readonly links: readonly SchemaLink[];
  readonly ids: ReadonlySet<string>;
}

/** A schema file and all files to which it refers, directly or indirectly. */
export interface SchemaClosure {
  readonly root: SchemaFile;
  readonly files: readonly SchemaFile[];
  /** The paths of files, by the URIs that other files use in references to them. */
  readonly aliases: ReadonlyMap<string, string>;
  /** A digest over the path of the root file, and the paths and contents of all files. */
  readonly digest: string;
}

/**
 * Finds and parses the schemas of the source. Each file is parsed once. The result is null for an invalid schema; its
 * errors are then in the findings.
 */
export interface SchemaFiles {
  readonly closureOf: (path: string) => Promise<SchemaClosure | null>;
  /**
   * Returns the path of the file whose schema has this URI as its `$id`, or null. The schemas that were already
   * parsed are searched first, then all files of the source.
   */
  readonly findById: (uri: string) => Promise<string | null>;
}

export function schemaFiles(source: SourceFiles, found: Findings): SchemaFiles {
  const parsed = new Map<string, SchemaFile | null>();
  const closures = new Map<string, Promise<SchemaClosure | null>>();

  const load = async (path: string): Promise<SchemaFile | null> => {
    const known = parsed.get(path);
    if (known !== undefined) return known;
    await source.read([path]);
    const file = readSchema(path, source.contentOf(path), found);
    parsed.set(path, file);
    return file;
  };
  const findById = async (uri: string): Promise<string | null> => {
    for (const file of parsed.values()) if (file?.ids.has(uri)) return file.path;
    return await searchById(source, uri);
  };
  const closureOf = async (path: string): Promise<SchemaClosure | null> => {
    const root = await load(path);
    if (!root) return null;
    const files = new Map<string, SchemaFile>([[path, root]]);
    const aliases = new Map<string, string>();
    const waiting = [root];
    for (let file = waiting.pop(); file; file = waiting.pop()) {
      for (const link of file.links) {
        const target = await targetOf(source, file, link, findById);
        if (target === null) continue;
        aliases.set(link.uri, target);
        const next = files.has(target) ? null : await load(target);
        if (!next) continue;
        files.set(target, next);
        waiting.push(next);
      }
    }
    return closureFrom(source, root, [...files.values()], aliases);
  };
  return {
    findById,
    closureOf: (path) => {
      const known = closures.get(path) ?? closureOf(path);
      closures.set(path, known);
      return known;
    },
  };
}

function readSchema(path: string, bytes: Uint8Array, found: Findings): SchemaFile | null {
  const document = parseDocument(path, formatOf(path) ?? 'json', bytes, { integers: 'nearest' });
  for (const problem of document.problems) found.add(document.diagnose(problem));
  if (document.problems.length > 0) return null;
  const refuse = (pointer: string, code: string, message: string): null => {
    found.add(document.diagnose({ pointer, code, message, offset: null }));
    return null;
  };
  const schema = document.value;
  if (
    typeof schema !== 'boolean' &&
    (typeof schema !== 'object' || schema === null || Array.isArray(schema))
  ) {
    return refuse('', 'schema_invalid', 'a schema must be a map, true or false');
  }
  const named = childOf(schema, '$schema');
  const dialect = dialectNamed(named);
  if (!dialect) {
    return refuse(
      '/$schema',
      'schema_dialect',
      'this dialect is not supported; use JSON Schema draft-04, -06, -07, 2019-09 or 2020-12',
    );
  }
  const id = childOf(schema, idKeyword(dialect));
  const place = uriOfPath(path);
  const uri = typeof id === 'string' && !id.startsWith('#') ? resolve(place, id) : place;
  return { path, document, dialect, uri, ...schemaLinks(schema, uri, idKeyword(dialect)) };
}

/**
 * Returns the path of the file to which a link refers. Returns null if the link refers to the same file, to a
 * meta-schema, or to a schema that is not in the source.
 */
async function targetOf(
  source: SourceFiles,
  file: SchemaFile,
  link: SchemaLink,
  findById: SchemaFiles['findById'],
): Promise<string | null> {
  if (file.ids.has(link.uri) || dialectNamed(link.uri)) return null;
  const byPlace = pathOfUri(link.uri) ?? pathOfLink(link.ref, file.path);
  if (byPlace !== null && source.find(byPlace)) return byPlace;
  return await findById(link.uri);
}

/**
 * Searches all files of the source for a schema with this URI. Reads every JSON, YAML and TOML file, but parses only
 * the files that contain the last part of the URI. This search is rarely needed, because most schemas refer to each
 * other by path.
 */
async function searchById(source: SourceFiles, uri: string): Promise<string | null> {
  const lastPart = uri.slice(uri.lastIndexOf('/') + 1);
  const candidates = source.entries.filter((entry) => formatOf(entry.path)).map((entry) => entry.path);
  await source.read(candidates);
  for (const path of candidates) {
    const bytes = source.contentOf(path);
    if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(lastPart)) continue;
    const { value, problems } = parseDocument(path, formatOf(path) ?? 'json', bytes, {
      integers: 'nearest',
    });
    if (problems.length === 0 && ownUris(value, path).includes(uri)) return path;
  }
  return null;
}

function ownUris(value: Json, path: string): string[] {
  return ['$id', 'id']
    .map((keyword) => childOf(value, keyword))
    .filter((id) => typeof id === 'string')
    .map((id) => resolve(uriOfPath(path), id));
}

function closureFrom(
  source: SourceFiles,
  root: SchemaFile,
  files: readonly SchemaFile[],
  aliases: ReadonlyMap<string, string>,
): SchemaClosure {
  const listing = files.map(({ path }) => `${path}\0${source.find(path)?.digest ?? ''}`).toSorted();
  return { root, files, aliases, digest: digestOf(canonicalJson([root.path, ...listing])) };
}
