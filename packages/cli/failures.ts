import type { ExitName } from './exit-codes.ts';
import type { Problem } from '@pointsman/client/internal/http/problem';

/** An error with a message for the user: the only kind that is shown without a stack. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly exit: ExitName;
  /** What to do, one line each. Callers may add lines. */
  readonly hints: string[];

  constructor(exit: ExitName, message: string, options: { hints?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exit = exit;
    this.hints = [...(options.hints ?? [])];
  }
}

/** A refusal by the API. */
export class ApiProblem extends CliError {
  override readonly name = 'ApiProblem';
  readonly problem: Problem;

  constructor(problem: Problem, exit: ExitName, hints: readonly string[] = []) {
    super(exit, sentenceOf(problem), { hints });
    this.problem = problem;
  }
}

/** No response. `maybeDone`: the request was sent and may have been carried out. */
export class Unreachable extends CliError {
  override readonly name = 'Unreachable';
  readonly maybeDone: boolean;

  constructor(message: string, options: { maybeDone: boolean; hints?: readonly string[]; cause?: unknown }) {
    super('unavailable', message, options);
    this.maybeDone = options.maybeDone;
  }
}

/** Whether the request may have been carried out without a response. */
export function mayHaveArrived(error: unknown): error is CliError {
  if (!(error instanceof CliError) || error.exit !== 'unavailable') return false;
  return !(error instanceof Unreachable) || error.maybeDone;
}

/** The detail. For an invalid source the title instead, because the detail is its first diagnostic, which is shown with the others. */
function sentenceOf({ title, detail, diagnostics = [], truncated = false }: Problem): string {
  if (diagnostics.length === 0) return detail ?? title;
  const more = truncated ? ' or more' : '';
  return `${title}: ${diagnostics.length}${more} problem${diagnostics.length === 1 && !truncated ? '' : 's'}.`;
}
