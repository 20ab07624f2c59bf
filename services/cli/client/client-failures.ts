import type { Answer } from './response.ts';
import { exitOfProblem } from '../exit-codes.ts';
import { ApiProblem, Unreachable } from '../failures.ts';
import { readProblem, type Problem } from './problem.ts';

/** What the API refused, with what to do about it where that is known. */
export function problemOf(answer: Answer, url: string): ApiProblem {
  const problem = readProblem(answer.status, answer.body.toString('utf8'));
  return new ApiProblem(problem, exitOfProblem(problem.code, problem.status), hintsFor(problem, url));
}

/**
 * Why nobody answered, and whether the request may have been carried out all the same, this time or, as `maybeDone` says, by a
 * try before this one.
 */
export function asUnreachable(cause: unknown, url: string, maybeDone: boolean): Unreachable {
  const code = codeOf(cause);
  if (code === 'ECONNREFUSED') {
    return new Unreachable(`Nothing listens at ${url}.`, {
      maybeDone,
      hints: [
        'Start it with "npm start" (or "pointsman up"), or name another address with --url or POINTSMAN_URL.',
      ],
      cause,
    });
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new Unreachable(`There is no machine by the name in ${url}.`, { maybeDone, cause });
  }
  const why =
    cause instanceof Error && cause.name === 'TimeoutError'
      ? 'did not answer in time'
      : 'broke off the connection';
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
      `v${version} is in flight: "pointsman watch ${version}" follows it, "pointsman cancel ${version}" ends it.`,
    ];
  }
  return tokenId === undefined ? [] : [`"pointsman tokens revoke ${tokenId}" does that.`];
}
const SHOW_QUOTAS = '"pointsman quotas" shows what the tenant uses, and what it may.';

/** What to do about a problem, where its code says enough. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['held', '"pointsman hold --lift" lets the pointer move again.'],
  ['quota_exceeded', SHOW_QUOTAS],
  ['larger_than_quota', SHOW_QUOTAS],
]);

function hintsFor(
  { code, errors = [], gates = [], role, version, tokenId, requestId }: Problem,
  url: string,
): string[] {
  if (code === 'unauthenticated') {
    return [
      `Give a token of ${url} with --token or POINTSMAN_TOKEN.`,
      'The token of npm start is in the file admin-token of its home (.pointsman, or POINTSMAN_HOME); it is used only for the address of that home.',
      'Is it lost? Stop npm start, delete admin-token and admin-token.sha256 there, and start again: it makes a new one.',
    ];
  }
  if (code === 'conflict') return conflictHints(version, tokenId);
  if (code === 'own_release' && role !== undefined)
    return [`An admin makes such a token: "pointsman tokens create <name> --role ${role}".`];
  if (code === 'which_gate') return [`Name one with --gate: ${gates.join(', ')}.`];
  if (code === 'digest_mismatch') return ['Look at the release again, with "pointsman status --release".'];
  const hint = HINTS.get(code);
  if (hint !== undefined) return [hint];
  if (code === 'internal' && requestId !== undefined)
    return [`The request was ${requestId}; the log of the API has more.`];
  return errors.length > 1 ? errors.map((error) => error.message) : [];
}
