import { apiClient, type ApiClient } from '@pointsman/client/internal/http/client';
import {
  InvalidResponseError,
  ProblemError,
  UnreachableError,
} from '@pointsman/client/internal/http/failures';
import type { Problem } from '@pointsman/client/internal/http/problem';

import { exitOfProblem } from '../exit-codes.ts';
import { ApiProblem, CliError, Unreachable } from '../failures.ts';
import type { Connection } from './connection.ts';

/**
 * Creates an API client whose errors are CliErrors with an exit code and hints. `signal` aborts all its
 * calls.
 */
export function cliClient(connection: Connection, signal: AbortSignal, firstRetryMs?: number): ApiClient {
  const client = apiClient(connection, { signal, firstRetryMs });
  const asCliError = (error: unknown): never => {
    throw cliErrorOf(error, client.url);
  };
  return {
    ...client,
    call: (method, path, schema, call) => client.call(method, path, schema, call).catch(asCliError),
    send: (method, path, call) => client.send(method, path, call).catch(asCliError),
  };
}

function cliErrorOf(error: unknown, url: string): unknown {
  if (error instanceof ProblemError) {
    const { problem } = error;
    return new ApiProblem(problem, exitOfProblem(problem.code, problem.status), hintsFor(problem, url));
  }
  if (error instanceof UnreachableError) {
    const hints = UNREACHABLE_HINTS[error.reason];
    return new Unreachable(error.message, { maybeDone: error.maybeDone, hints, cause: error });
  }
  if (error instanceof InvalidResponseError) {
    return new CliError('failed', error.message, {
      hints: ["Check that the URL is Pointsman's API, and use the same version of pointsman."],
      cause: error,
    });
  }
  return error;
}

const UNREACHABLE_HINTS: Readonly<Record<UnreachableError['reason'], readonly string[]>> = {
  connection_refused: [
    'Start Pointsman with "npm start" (or "pointsman up"), or give another URL with --url or POINTSMAN_URL.',
  ],
  unknown_host: ['Check --url or POINTSMAN_URL.'],
  timeout: [],
  connection_lost: [],
};

function conflictHints(version: number | undefined, tokenId: string | undefined): string[] {
  if (version !== undefined) {
    return [
      `v${version} is in flight. Follow it: pointsman watch ${version}. Cancel it: pointsman cancel ${version}`,
    ];
  }
  return tokenId === undefined ? [] : [`Revoke it: pointsman tokens revoke ${tokenId}`];
}
const SHOW_QUOTAS = 'Show the usage and the limits: pointsman quotas';

/** The hints that are added to an API error, by its error code. */
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
