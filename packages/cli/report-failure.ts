import { join } from 'node:path';

import { formatDiagnostics } from '@pointsman/protocol/releases/format-diagnostics';
import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { cliLimits } from './limits.ts';
import { sourceLimits } from '@pointsman/protocol/limits';
import { pathProblem } from '@pointsman/protocol/releases/source';
import { readRegularFile } from '@pointsman/protocol/files/regular-file';
import { EXIT_CODES, type ExitName } from './exit-codes.ts';
import { ApiProblem, CliError } from './failures.ts';
import { hasLinkBelow } from './source/path-links.ts';
import { printable } from './output/printable.ts';
import type { Terminal } from './output/terminal.ts';
import { counted } from './output/format.ts';

/**
 * Prints an error and its hints on `err`. With `--json`, also writes `{ "error": … }` to `out`. An error that
 * is not a CliError is a defect, so it is printed with its stack trace.
 * @returns the name of the exit code
 */
export function reportFailure(error: unknown, terminal: Terminal): ExitName {
  if (!(error instanceof CliError)) {
    terminal.err(`${terminal.paintErr('red', 'error')} ${stackOf(error)}\n`);
    if (terminal.json)
      terminal.document({ error: { title: 'an internal error of pointsman', exit: EXIT_CODES.failed.code } });
    return 'failed';
  }
  terminal.err(`${terminal.paintErr(['red', 'bold'], 'error')} ${printable(error.message)}\n`);
  for (const hint of error.hints) terminal.err(`  ${printable(hint)}\n`);
  if (terminal.json) {
    const problem = error instanceof ApiProblem ? error.problem : { title: error.message };
    terminal.document({ error: { ...problem, exit: EXIT_CODES[error.exit].code } });
  }
  return error.exit;
}

/**
 * Prints diagnostics in the format of compilers. If `directory` is known, the source lines come from its
 * files.
 */
export function showDiagnostics(
  diagnostics: readonly Diagnostic[],
  directory: string | null,
  terminal: Terminal,
): void {
  if (directory === null) return terminal.err(formatDiagnostics(diagnostics));
  // The server supplies the paths. No file outside the directory may be read, so an invalid path gets no
  // source line. The printed paths include the directory, so that a user can click on them in the terminal.
  const inside = new Map(
    diagnostics
      .filter(({ path }) => pathProblem(path) === null)
      .map(({ path }) => [join(directory, path), path]),
  );
  const placed = diagnostics.map((one) => ({ ...one, path: join(directory, one.path) }));
  terminal.err(formatDiagnostics(placed, (path) => readIfThere(directory, inside.get(path))));
}

/**
 * Prints the first warnings, one line each, and the number of the others. Warnings do not change the exit
 * code.
 */
export function showWarnings(warnings: readonly Diagnostic[], directory: string, terminal: Terminal): void {
  for (const { path, line, column, code, message } of warnings.slice(0, cliLimits.shownRows)) {
    const place = `${join(directory, path)}:${line}:${column}`;
    terminal.err(
      `${printable(place)}: ${terminal.paintErr('yellow', 'warning')}[${printable(code)}]: ${printable(message)}\n`,
    );
  }
  const others = warnings.length - cliLimits.shownRows;
  if (others > 0) terminal.err(`and ${counted(others, 'more warning')} (to list all: --dry-run --json)\n`);
}

function readIfThere(directory: string, path: string | undefined): string | null {
  if (path === undefined || hasLinkBelow(directory, path)) return null;
  try {
    return readRegularFile(join(directory, path), sourceLimits.fileBytes).toString('utf8');
  } catch {
    return null;
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
