import type { ExitName } from './exit-codes.ts';
import type { Problem } from '@pointsman/client/internal/http/problem';

/** An error with a message for the user. All other errors are shown with a stack trace. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly exit: ExitName;
  /** Hints on how to fix the error, one line each. Callers may add hints. */
  readonly hints: string[];

  constructor(exit: ExitName, message: string, options: { hints?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exit = exit;
    this.hints = [...(options.hints ?? [])];
  }
}

/** An error response from the API. */
export class ApiProblem extends CliError {
  override readonly name = 'ApiProblem';
  readonly problem: Problem;

  constructor(problem: Problem, exit: ExitName, hints: readonly string[] = []) {
    super(exit, sentenceOf(problem), { hints });
    this.problem = problem;
  }
}

/** The API did not respond. `maybeDone`: the request was sent, and the API may have carried it out. */
export class Unreachable extends CliError {
  override readonly name = 'Unreachable';
  readonly maybeDone: boolean;

  constructor(message: string, options: { maybeDone: boolean; hints?: readonly string[]; cause?: unknown }) {
    super('unavailable', message, options);
    this.maybeDone = options.maybeDone;
  }
}

/** Returns whether the API may have carried out the request although no response arrived. */
export function mayHaveArrived(error: unknown): error is CliError {
  if (!(error instanceof CliError) || error.exit !== 'unavailable') return false;
  return !(error instanceof Unreachable) || error.maybeDone;
}

/**
 * Returns the detail of a problem. For an invalid source, returns the title, because the detail only repeats
 * the first diagnostic.
 */
function sentenceOf({ title, detail, diagnostics = [], truncated = false }: Problem): string {
  if (diagnostics.length === 0) return detail ?? title;
  const more = truncated ? ' or more' : '';
  return `${title}: ${diagnostics.length}${more} problem${diagnostics.length === 1 && !truncated ? '' : 's'}.`;
}
