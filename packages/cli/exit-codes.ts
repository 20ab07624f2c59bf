import type { ErrorCode } from '@pointsman/protocol/errors';
import type { Outcome } from '@pointsman/protocol/releases/release';

/** The exit codes of all commands, with the names that the code uses and the meanings that the help shows. */
export const EXIT_CODES = {
  done: {
    code: 0,
    meaning:
      'success; for publish and watch: the release is published, or unchanged because the same artifact is live; for --dry-run: the source compiles',
  },
  failed: {
    code: 1,
    meaning: 'an unexpected error, here or in the API; the result is unknown',
  },
  usage: { code: 2, meaning: 'the command line or a setting is invalid; nothing was sent' },
  rejected: {
    code: 3,
    meaning: 'rejected: a person or a rule refused the release, or the source is invalid',
  },
  errored: { code: 4, meaning: 'the release ended because of an error' },
  superseded: { code: 5, meaning: 'a newer publish replaced the release' },
  cancelled: { code: 6, meaning: 'the release was cancelled' },
  refused: {
    code: 8,
    meaning: 'conflict with the current state, such as a hold or a pointer that has moved',
  },
  unauthorised: { code: 9, meaning: 'the token is missing, invalid, or does not allow this' },
  inFlight: { code: 10, meaning: 'accepted and still in flight: --no-wait, or --timeout has passed' },
  unavailable: { code: 11, meaning: 'the API is unreachable or a store is down, after retries' },
  notFound: { code: 12, meaning: 'the release, pointer or file does not exist' },
  interrupted: {
    code: 130,
    meaning: 'stopped by Ctrl-C or by declining a question; an accepted release continues',
  },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

/** Returns the name of the exit code for the outcome of a release. */
export function exitOfOutcome(outcome: Outcome): ExitName {
  return outcome === 'published' || outcome === 'unchanged' ? 'done' : outcome;
}

/**
 * Returns the name of the exit code for an error code of the API. If this version does not know the error
 * code, the HTTP status determines the exit code.
 */
export function exitOfProblem(code: string, status: number): ExitName {
  return Object.hasOwn(BY_CODE, code) ? BY_CODE[code as ErrorCode] : byStatus(status);
}

/** Returns the table that `pointsman help exit-codes` prints. */
export function exitCodeTable(): string {
  const rows = Object.values(EXIT_CODES).map(
    ({ code, meaning }) => `${String(code).padStart(5)}  ${meaning}`,
  );
  return `Exit codes:\n${rows.join('\n')}\n`;
}

const BY_CODE: Readonly<Record<ErrorCode, ExitName>> = {
  malformed: 'failed',
  unauthenticated: 'unauthorised',
  not_signed: 'unauthorised',
  forbidden: 'unauthorised',
  gated: 'unauthorised',
  own_release: 'unauthorised',
  not_found: 'notFound',
  unknown_channel: 'notFound',
  method_not_allowed: 'failed',
  conflict: 'refused',
  already_settled: 'refused',
  gate_decided: 'refused',
  already_decided: 'refused',
  gate_expired: 'refused',
  gate_not_open: 'refused',
  digest_mismatch: 'refused',
  nothing_before: 'refused',
  sink_down: 'refused',
  callback_used: 'refused',
  follower_taken: 'refused',
  callback_expired: 'refused',
  callback_revoked: 'refused',
  cursor_expired: 'refused',
  foreign_cursor: 'usage',
  cursor_ahead: 'usage',
  policy_changed: 'refused',
  pointer_moved: 'refused',
  too_large: 'rejected',
  unsupported_media_type: 'failed',
  invalid_source: 'rejected',
  missing_content: 'refused',
  invalid_request: 'usage',
  idempotency_key_reused: 'refused',
  wrong_content: 'rejected',
  wrong_acknowledgement: 'rejected',
  incomplete_artifact: 'rejected',
  which_gate: 'usage',
  unknown_repository: 'refused',
  no_secret_key: 'refused',
  not_promotable: 'refused',
  held: 'refused',
  too_slow: 'unavailable',
  larger_than_quota: 'rejected',
  quota_exceeded: 'refused',
  busy: 'unavailable',
  internal: 'failed',
  unavailable: 'unavailable',
};

function byStatus(status: number): ExitName {
  if (status === 401 || status === 403) return 'unauthorised';
  if (status === 404) return 'notFound';
  if (status === 409 || status === 412 || status === 423) return 'refused';
  if (status === 422 || status === 413) return 'rejected';
  if (status === 408 || status === 429 || status === 502 || status === 503 || status === 504)
    return 'unavailable';
  return 'failed';
}
