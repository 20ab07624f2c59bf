import { basename } from 'node:path';

import type { Diagnostic } from '../../../../core/releases/diagnostic.ts';
import { formatOf, parseDocument } from '../../../compiler/parse/parse-document.ts';
import { FileError, readRegularFile } from '../../../config/regular-file.ts';
import { CliError } from '../../failures.ts';
import { cliLimits } from '../../limits.ts';
import { refuseLinks } from '../../source/path-links.ts';
import { printable } from '../../output/printable.ts';
import type { Problem } from '../../client/problem.ts';

type Errors = NonNullable<Problem['errors']>;

/** A parsed policy file, or why it can't be parsed. */
export type PolicyFile =
  | { readonly kind: 'wrong'; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly kind: 'read';
      readonly document: unknown;
      /** Maps the API's problems to lines of the file. */
      readonly placed: (errors: Errors) => Diagnostic[];
    };

/** Reads YAML, or JSON or TOML by the file's extension. Throws CliError for a file that can't be read or is reached through a link. */
export function readPolicyFile(path: string): PolicyFile {
  const parsed = parseDocument(basename(path), formatOf(path) ?? 'yaml', readBytes(path));
  if (parsed.problems.length > 0) return { kind: 'wrong', diagnostics: parsed.problems.map(parsed.diagnose) };
  const placed = (errors: Errors) =>
    errors.map(({ pointer = '', message }) => {
      const said = pointer === '' ? message : `${pointer}: ${message}`;
      return parsed.diagnose({ pointer, code: 'policy', message: said, offset: null });
    });
  return { kind: 'read', document: parsed.value, placed };
}

function readBytes(path: string): Buffer {
  refuseLinks(path);
  try {
    return readRegularFile(path, cliLimits.policyFileBytes);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new CliError('usage', `The file ${printable(path)} can't be read: ${error.message}.`, {
      cause: error,
    });
  }
}
