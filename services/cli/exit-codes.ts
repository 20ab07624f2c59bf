import type { ErrorCode } from '../../core/errors.ts';
import type { Outcome } from '../../core/releases/release.ts';

/** What a script learns from `$?`: every exit code of every command, and nothing else exits with another. */
export const EXIT_CODES = {
  done: {
    code: 0,
    meaning: 'done; for publish and watch: the release is published; for --dry-run: it would compile',
  },
  failed: {
    code: 1,
    meaning: 'something unexpected failed, here or in the API: nothing is known of the outcome',
  },
  usage: { code: 2, meaning: 'the command line or a setting is wrong; nothing was sent' },
  rejected: { code: 3, meaning: 'somebody or some rule said no, or the source has problems' },
  errored: { code: 4, meaning: 'the release ended because something broke' },
  superseded: { code: 5, meaning: 'a newer publish took its place' },
  cancelled: { code: 6, meaning: 'the release was cancelled' },
  refused: {
    code: 8,
    meaning: 'something stands in the way: a conflict, a hold, or a pointer that has moved',
  },
  unauthorised: { code: 9, meaning: 'no token, a wrong one, or one that may not do that' },
  inFlight: { code: 10, meaning: 'accepted and still on its way: --no-wait, or --timeout passed' },
  unavailable: { code: 11, meaning: 'nobody answers, or a store is down, also after retries' },
  notFound: { code: 12, meaning: 'there is no such release, pointer or file' },
  interrupted: {
    code: 130,
    meaning: 'stopped by Ctrl-C, or by no to a question; a release that was accepted goes on',
  },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

/** The exit name of a release that has its last word. */
export function exitOfOutcome(outcome: Outcome): ExitName {
  return outcome === 'published' ? 'done' : outcome;
}

/** The exit name of a problem that the API told. A code that this version does not know is judged by its status. */
export function exitOfProblem(code: string, status: number): ExitName {
  return Object.hasOwn(BY_CODE, code) ? BY_CODE[code as ErrorCode] : byStatus(status);
}

/** The table as `pointsman help exit-codes` prints it. */
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
