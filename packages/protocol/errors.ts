/**
 * All errors of the API, by their stable code. Each has an HTTP status and a title that never changes (RFC
 * 9457, section 3.1). The text that describes a specific case is the `detail` of the response.
 */
export const ERRORS = {
  malformed: { status: 400, title: 'The request could not be parsed' },
  unauthenticated: { status: 401, title: 'A valid bearer token is required' },
  not_signed: { status: 401, title: 'A valid signature is required' },
  forbidden: { status: 403, title: 'The token does not allow this' },
  gated: { status: 403, title: 'The channel has gates that only an admin can bypass' },
  own_release: { status: 403, title: 'The author of a release cannot decide its gates' },
  not_found: { status: 404, title: 'Not found' },
  unknown_channel: { status: 404, title: 'The bundle does not have this channel' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  too_slow: { status: 408, title: 'The request body arrived too slowly' },
  conflict: { status: 409, title: 'Conflict with the current state' },
  already_settled: { status: 409, title: 'The release has already settled' },
  gate_decided: { status: 409, title: 'The gate is already decided' },
  already_decided: { status: 409, title: 'You have already decided this gate' },
  gate_expired: { status: 409, title: "The gate's deadline has passed" },
  gate_not_open: { status: 409, title: 'The gates of the release are not open yet' },
  digest_mismatch: { status: 409, title: 'The release has a different digest' },
  nothing_before: { status: 409, title: 'There is no earlier release to roll back to' },
  sink_down: { status: 409, title: 'A required sink is down' },
  callback_used: { status: 409, title: 'This callback URL has already been used' },
  follower_taken: { status: 409, title: 'Another token uses this follower name' },
  callback_expired: { status: 410, title: "The callback's deadline has passed" },
  cursor_expired: { status: 410, title: 'The feed no longer has the moves after this cursor' },
  callback_revoked: { status: 410, title: 'The callback was revoked' },
  policy_changed: { status: 412, title: 'The policy has changed' },
  pointer_moved: { status: 412, title: 'The pointer has moved' },
  too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  invalid_source: { status: 422, title: 'The source is invalid' },
  missing_content: { status: 422, title: 'The content of a file is not stored' },
  invalid_request: { status: 422, title: 'The request is invalid' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used for a different request' },
  wrong_content: { status: 422, title: 'The content does not match its digest' },
  incomplete_artifact: { status: 422, title: 'The artifact is incomplete' },
  foreign_cursor: { status: 422, title: 'The cursor belongs to another feed' },
  cursor_ahead: { status: 422, title: 'The cursor is past the end of the feed' },
  which_gate: { status: 422, title: 'Several gates match: name one' },
  wrong_acknowledgement: { status: 422, title: 'The acknowledged generation has a different digest' },
  unknown_repository: { status: 422, title: 'The hook is for another repository' },
  no_secret_key: { status: 422, title: 'No secret key is configured' },
  not_promotable: { status: 422, title: 'This release cannot be promoted' },
  held: { status: 423, title: 'The pointer is held' },
  larger_than_quota: { status: 413, title: 'The request is larger than a quota of the tenant' },
  quota_exceeded: { status: 429, title: 'A quota of the tenant is exhausted' },
  busy: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'The service is temporarily unavailable' },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/**
 * An error with a code on which a client can act, and a message that may be shown to the client. Details that
 * only operators may see (addresses, SQL, stack traces) must be in the `cause`.
 */
export class PointsmanError extends Error {
  override readonly name = 'PointsmanError';
  readonly code: ErrorCode;
  /** Additional members of the error response, such as diagnostics or the current pointer. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}
