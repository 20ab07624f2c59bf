import type { ExitName } from './exit-codes.ts';
import type { Problem } from '@pointsman/client/internal/http/problem';

/** An error whose message is meant for the user. Any other error is printed with its stack trace. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly exit: ExitName;
  /** Hints on how the user can fix the error, one line each. A caller may append further hints. */
  readonly hints: string[];

  constructor(exit: ExitName, message: string, options: { hints?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exit = exit;
    this.hints = [...(options.hints ?? [])];
  }
}

/** The API returned an error response. */
export class ApiProblem extends CliError {
  override readonly name = 'ApiProblem';
  readonly problem: Problem;

  constructor(problem: Problem, exit: ExitName, hints: readonly string[] = []) {
    super(exit, sentenceOf(problem), { hints });
    this.problem = problem;
  }
}

/**
 * The API did not respond. If `maybeDone` is true, the request was sent, so the API may have processed it.
 */
export class Unreachable extends CliError {
  override readonly name = 'Unreachable';
  readonly maybeDone: boolean;

  constructor(message: string, options: { maybeDone: boolean; hints?: readonly string[]; cause?: unknown }) {
    super('unavailable', message, options);
    this.maybeDone = options.maybeDone;
  }
}

/** Returns whether the API may have processed the request, although no response arrived. */
export function mayHaveArrived(error: unknown): error is CliError {
  if (!(error instanceof CliError) || error.exit !== 'unavailable') return false;
  return !(error instanceof Unreachable) || error.maybeDone;
}

/**
 * Returns the detail of a problem document. For an invalid source, returns the title and the number of
 * problems, because the detail only repeats the first problem.
 */
function sentenceOf({ title, detail, diagnostics = [], truncated = false }: Problem): string {
  if (diagnostics.length === 0) return detail ?? title;
  const more = truncated ? ' or more' : '';
  return `${title}: ${diagnostics.length}${more} problem${diagnostics.length === 1 && !truncated ? '' : 's'}.`;
}
