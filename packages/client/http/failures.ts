import { readProblem, type Problem } from './problem.ts';

/** A failed call to the API. Every failure is an instance of one of the subclasses below. */
export abstract class ClientError extends Error {}

/** The API returned an error response. */
export class ProblemError extends ClientError {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

/** The API did not respond. */
export class UnreachableError extends ClientError {
  override readonly name = 'UnreachableError';
  /** True if any attempt was sent, so that the API may have processed the request. */
  readonly maybeDone: boolean;
  readonly reason: UnreachableReason;

  constructor(
    message: string,
    { maybeDone, reason, cause }: { maybeDone: boolean; reason: UnreachableReason; cause?: unknown },
  ) {
    super(message, { cause });
    this.maybeDone = maybeDone;
    this.reason = reason;
  }
}

export type UnreachableReason = 'connection_refused' | 'unknown_host' | 'timeout' | 'connection_lost';

/** The response is not what this version of the client expects. */
export class InvalidResponseError extends ClientError {
  override readonly name = 'InvalidResponseError';
}

/** Creates the error for an error response of the API. */
export function problemErrorOf({ status, body }: { status: number; body: Buffer }): ProblemError {
  return new ProblemError(readProblem(status, body.toString('utf8')));
}

/**
 * Creates the error for an API that does not respond. `maybeDone` is true if the API may have processed an
 * earlier attempt.
 */
export function unreachableErrorOf(cause: unknown, url: string, maybeDone: boolean): UnreachableError {
  const code = codeOf(cause);
  if (code === 'ECONNREFUSED') {
    const message = `Can't connect to ${url}: no process listens there.`;
    return new UnreachableError(message, { maybeDone, reason: 'connection_refused', cause });
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const message = `The host name in ${url} can't be resolved.`;
    return new UnreachableError(message, { maybeDone, reason: 'unknown_host', cause });
  }
  return cause instanceof Error && cause.name === 'TimeoutError'
    ? new UnreachableError(`${url} did not respond in time.`, { maybeDone: true, reason: 'timeout', cause })
    : new UnreachableError(`${url} closed the connection.`, {
        maybeDone: true,
        reason: 'connection_lost',
        cause,
      });
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause);
}
