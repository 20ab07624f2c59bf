import type { ExitName } from './exit-codes.ts';
import type { Problem } from './client/problem.ts';

/** Something that ends the command with a sentence for its user: the only kind of error that is shown without a stack. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly exit: ExitName;
  /** What to do about it, a line each. Whoever knows more on the error's way up adds to them. */
  readonly hints: string[];

  constructor(exit: ExitName, message: string, options: { hints?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exit = exit;
    this.hints = [...(options.hints ?? [])];
  }
}

/** The API said no, and why. */
export class ApiProblem extends CliError {
  override readonly name = 'ApiProblem';
  readonly problem: Problem;

  constructor(problem: Problem, exit: ExitName, hints: readonly string[] = []) {
    super(exit, sentenceOf(problem), { hints });
    this.problem = problem;
  }
}

/** Nobody answered. `maybeDone`: the request was sent, so that it may have happened all the same. */
export class Unreachable extends CliError {
  override readonly name = 'Unreachable';
  readonly maybeDone: boolean;

  constructor(message: string, options: { maybeDone: boolean; hints?: readonly string[]; cause?: unknown }) {
    super('unavailable', message, options);
    this.maybeDone = options.maybeDone;
  }
}

/** Whether what was sent may have had its effect although nobody said so. */
export function mayHaveArrived(error: unknown): error is CliError {
  if (!(error instanceof CliError) || error.exit !== 'unavailable') return false;
  return !(error instanceof Unreachable) || error.maybeDone;
}

/** The detail, except that the detail of an invalid source is its first diagnostic, which is shown with all others. */
function sentenceOf({ title, detail, diagnostics = [], truncated = false }: Problem): string {
  if (diagnostics.length === 0) return detail ?? title;
  const more = truncated ? ' or more' : '';
  return `${title}: ${diagnostics.length}${more} problem${diagnostics.length === 1 && !truncated ? '' : 's'}.`;
}
