import { canonicalJson, type Json } from '@pointsman/protocol/json/canonical-json';
import { mediaTypes } from '@pointsman/protocol/artifacts/oci';
import { violationsIn, type DocumentSchema, type DocumentSchemas } from '../schema/document-schemas.ts';
import type { Findings } from '../findings.ts';
import type { CompileOutput } from '../made-blobs.ts';
import { mergePatch } from './overlays.ts';
import type { Patch } from './overlays.ts';
import { parseDocument } from '../parse/parse-document.ts';
import type { ParsedDocument } from '../parse/parse-document.ts';
import { valuesAt } from './reference-values.ts';
import type { ReferenceValue } from './reference-values.ts';
import type { Violation } from '../schema/schema-violations.ts';
import type { SelectedDocument } from '../recipe/select-files.ts';

/**
 * One compilation of a document. Without a patch, its result applies to all channels. With a patch, it applies only
 * to the channel of the patch.
 */
export interface DocumentJob {
  readonly selected: SelectedDocument;
  /** The schemas that pointsman.yaml assigns to the document. The value is null if one of them is invalid. */
  readonly schemas: readonly DocumentSchema[] | null;
  readonly patterns: readonly string[];
  readonly patch: Patch | null;
}

/** The result of compiling a document, as it is used in the artifact of one channel. */
export interface ChannelDocument {
  readonly path: string;
  readonly facts: DocumentFacts;
  readonly job: DocumentJob;
}

export interface ChannelDocuments {
  readonly channel: string | null;
  readonly documents: readonly ChannelDocument[];
  /** The paths of the documents that have errors in this channel. */
  readonly faulty: readonly string[];
}

/** The data that the cache stores about a compiled document, in addition to its blob. */
export interface DocumentFacts {
  readonly digest: string;
  readonly size: number;
  /**
   * The schema that the document names in its own `$schema`, and the digest of that schema when the document was
   * validated.
   */
  readonly own: { readonly name: string; readonly digest: string } | null;
  readonly values: { readonly [pattern: string]: readonly ReferenceValue[] };
}

export interface CompileTools {
  readonly schemas: DocumentSchemas;
  readonly found: Findings;
  readonly output: CompileOutput;
}

/**
 * Parses, patches, validates and emits a document. Returns null if the document has errors, which are added to the
 * findings. Also returns null if the total output exceeds its size limit.
 */
export async function compileDocument(
  job: DocumentJob,
  content: Uint8Array,
  tools: CompileTools,
): Promise<DocumentFacts | null> {
  const { schemas, found, output } = tools;
  const { entry, format } = job.selected;
  const document = parseDocument(entry.path, format, content);
  if (document.problems.length > 0) {
    // A document with a patch also has a job without a patch. Only that job reports the syntax errors, so that they
    // are reported once.
    if (!job.patch) for (const problem of document.problems) found.add(document.diagnose(problem));
    return null;
  }
  const value = job.patch ? mergePatch(document.value, job.patch.value) : document.value;
  const own = job.selected.schemas.length === 0 ? await schemas.ownOf(document) : undefined;
  const rules = own === undefined ? job.schemas : own && [own];
  if (!rules || !satisfies(rules, document, value, job.patch, tools)) return null;
  const made = output.blob(canonicalJson(value), mediaTypes.document);
  if (!made) return null;
  const { digest, size } = made;
  const values = Object.fromEntries(job.patterns.map((pattern) => [pattern, valuesAt(value, pattern)]));
  return { digest, size, own: own ? { name: own.name, digest: own.digest } : null, values };
}

function satisfies(
  rules: readonly DocumentSchema[],
  document: ParsedDocument,
  value: Json,
  patch: Patch | null,
  { schemas, found }: CompileTools,
): boolean {
  // Compiles all schemas before the validation starts, because the compilation of a schema has a separate time limit.
  const validators = rules.map((rule) => ({ rule, validator: rule.validator() }));
  return schemas.bounded(() => {
    let good = true;
    for (const { rule, validator } of validators) {
      if (!validator) return false;
      const violations = violationsIn(rule, validator, value);
      if (violations.length === 0) continue;
      good = false;
      if (!patch) for (const violation of violations) found.add(diagnosisOf(document, violation));
      else reportPatched(violations, violationsIn(rule, validator, document.value), patch);
    }
    return good;
  });
}

function diagnosisOf(document: ParsedDocument, { pointer, key, code, message }: Violation) {
  const offset = key ? document.locate(pointer, true) : null;
  return document.diagnose({ pointer, code, message, offset });
}

/** Reports only the violations that the patch introduces. The unpatched job of the document reports the others. */
function reportPatched(after: readonly Violation[], before: readonly Violation[], patch: Patch): void {
  const known = new Set(before.map((violation) => JSON.stringify(violation)));
  for (const violation of after) {
    if (!known.has(JSON.stringify(violation)))
      patch.refuse(violation.pointer, violation.code, violation.message);
  }
}
