import type { ApiResponse } from './response.ts';
import { exitOfProblem } from '../exit-codes.ts';
import { ApiProblem, Unreachable } from '../failures.ts';
import { readProblem, type Problem } from './problem.ts';

/** The API's refusal, with hints where the code allows them. */
export function problemOf(answer: ApiResponse, url: string): ApiProblem {
  const problem = readProblem(answer.status, answer.body.toString('utf8'));
  return new ApiProblem(problem, exitOfProblem(problem.code, problem.status), hintsFor(problem, url));
}

/**
 * Describes why the API is unreachable, and whether the request may have been carried out anyway: by this attempt, or by an earlier one
 * (`maybeDone`).
 */
export function asUnreachable(cause: unknown, url: string, maybeDone: boolean): Unreachable {
  const code = codeOf(cause);
  if (code === 'ECONNREFUSED') {
    return new Unreachable(`Can't connect to ${url}: no process listens there.`, {
      maybeDone,
      hints: [
        'Start Pointsman with "npm start" (or "pointsman up"), or give another URL with --url or POINTSMAN_URL.',
      ],
      cause,
    });
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new Unreachable(`The host name in ${url} can't be resolved. Check --url or POINTSMAN_URL.`, {
      maybeDone,
      cause,
    });
  }
  const why =
    cause instanceof Error && cause.name === 'TimeoutError'
      ? 'did not respond in time'
      : 'closed the connection';
  return new Unreachable(`${url} ${why}.`, { maybeDone: true, cause });
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause);
}

function conflictHints(version: number | undefined, tokenId: string | undefined): string[] {
  if (version !== undefined) {
    return [
      `v${version} is in flight. Follow it: pointsman watch ${version}. Cancel it: pointsman cancel ${version}`,
    ];
  }
  return tokenId === undefined ? [] : [`Revoke it: pointsman tokens revoke ${tokenId}`];
}
const SHOW_QUOTAS = 'Show the usage and the limits: pointsman quotas';

/** What to do about a problem, by its code. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['held', 'Lift the hold: pointsman hold --lift'],
  ['quota_exceeded', SHOW_QUOTAS],
  ['larger_than_quota', SHOW_QUOTAS],
]);

function hintsFor(
  { code, errors = [], gates = [], role, version, tokenId, requestId }: Problem,
  url: string,
): string[] {
  if (code === 'unauthenticated') {
    return [
      `Give a token for ${url} with --token or POINTSMAN_TOKEN.`,
      'npm start stores its token in the file admin-token of its home (.pointsman, or POINTSMAN_HOME). It is used only for the URL of that home.',
      'If the token is lost: stop npm start, delete admin-token and admin-token.sha256 in the home, and start again. This creates a new token.',
    ];
  }
  if (code === 'conflict') return conflictHints(version, tokenId);
  if (code === 'own_release' && role !== undefined)
    return [
      `An admin can create a token with the required role: pointsman tokens create <name> --role ${role}`,
    ];
  if (code === 'which_gate') return [`Name the gate with --gate: ${gates.join(', ')}`];
  if (code === 'digest_mismatch') return ['Review the release again: pointsman status --release'];
  const hint = HINTS.get(code);
  if (hint !== undefined) return [hint];
  if (code === 'internal' && requestId !== undefined)
    return [`The request id is ${requestId}. The log of the API has details.`];
  return errors.length > 1 ? errors.map((error) => error.message) : [];
}
