import { basename } from 'node:path';
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

import { FileError, readRegularFile } from '@pointsman/protocol/files/regular-file';
import { parseJson } from '@pointsman/protocol/json/parse-json';
import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { Problem } from '@pointsman/client/internal/http/problem';
import { CliError } from '../../failures.ts';
import { cliLimits } from '../../limits.ts';
import { refuseLinks } from '../../source/path-links.ts';
import { printable } from '../../output/printable.ts';

type Errors = NonNullable<Problem['errors']>;

/** The content of a policy file, or the problems that prevent parsing it. */
export type PolicyFile =
  | { readonly kind: 'wrong'; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly kind: 'read';
      readonly document: unknown;
      /** Converts the problems that the API reports to diagnostics with lines and columns of the file. */
      readonly placed: (errors: Errors) => Diagnostic[];
    };

/**
 * Reads a policy file in YAML 1.2, which includes JSON. Throws CliError if the file can't be read or its path
 * contains a symbolic link.
 */
export function readPolicyFile(path: string): PolicyFile {
  const lines = new LineCounter();
  const content = readText(path);
  const document = parseDocument(content, {
    version: '1.2',
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  });
  const diagnose: Diagnose = (offset, pointer, code, message) => {
    const { line, col: column } = lines.linePos(offset);
    return {
      path: basename(path),
      line: Math.max(1, line),
      column: Math.max(1, column),
      pointer,
      code,
      message,
    };
  };
  const problems = [...document.errors, ...document.warnings].map(({ pos, code, message }) =>
    diagnose(pos[0], '', code.toLowerCase(), message),
  );
  if (problems.length === 0) problems.push(...formProblems(path, content, document, diagnose));
  if (problems.length > 0) return { kind: 'wrong', diagnostics: problems };
  return {
    kind: 'read',
    document: valueOf(document, path),
    placed: (errors) =>
      errors.map(({ pointer = '', message }) => {
        const text = pointer === '' ? message : `${pointer}: ${message}`;
        return diagnose(offsetOf(document, pointer), pointer, 'policy', text);
      }),
  };
}

/**
 * Returns problems that the YAML library does not report: an unsupported YAML version, an empty file, or a file
 * with the extension `.json` that is not JSON.
 */
function formProblems(path: string, text: string, document: Document, diagnose: Diagnose): Diagnostic[] {
  const version = document.directives?.yaml.version ?? '1.2';
  if (version !== '1.2')
    return [diagnose(0, '', 'yaml_version', `YAML ${version} is not supported, only 1.2`)];
  if (document.contents === null) return [diagnose(0, '', 'empty_document', 'the file is empty')];
  if (path.endsWith('.json') && parseJson(text).kind === 'not_json')
    return [diagnose(0, '', 'json_syntax', 'the file is not JSON')];
  return [];
}

type Diagnose = (offset: number, pointer: string, code: string, message: string) => Diagnostic;

/**
 * Converts the parsed document to a plain value. The YAML library throws if aliases expand to more than its
 * limit, and this function converts that error.
 */
function valueOf(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('rejected', `The file ${printable(path)} can't be read as YAML: ${why}`, {
      cause: error,
    });
  }
}

/**
 * Returns the offset in the file of the value to which a JSON Pointer points. For an empty value, returns the
 * offset of its key. If the value does not exist, returns the offset of its nearest existing parent.
 */
function offsetOf(document: Document, pointer: string): number {
  let node = document.contents;
  let offset = node?.range?.[0] ?? 0;
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  for (const step of steps) {
    const [key, value] = childOf(node, step);
    const isEmpty = isScalar(value) && value.source === '';
    offset = ((isEmpty ? null : value) ?? key)?.range?.[0] ?? offset;
    node = value;
  }
  return offset;
}

function childOf(node: Node | null, step: string): [key: Node | null, value: Node | null] {
  if (isSeq(node)) return [null, (node.items[Number(step)] ?? null) as Node | null];
  if (!isMap(node)) return [null, null];
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
  return [(pair?.key ?? null) as Node | null, (pair?.value ?? null) as Node | null];
}

function readText(path: string): string {
  refuseLinks(path);
  try {
    return readRegularFile(path, cliLimits.policyFileBytes).toString('utf8');
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new CliError('usage', `The file ${printable(path)} can't be read: ${error.message}.`, {
      cause: error,
    });
  }
}
