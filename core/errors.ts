/**
 * Every error that a client can be told of: its stable code, the HTTP status it travels under, and a title that never changes
 * (RFC 9457, section 3.1). What happened this time goes into the detail.
 */
export const ERRORS = {
  malformed: { status: 400, title: 'The request could not be read' },
  unauthenticated: { status: 401, title: 'A valid bearer token is needed' },
  not_signed: { status: 401, title: 'A valid signature is needed' },
  forbidden: { status: 403, title: 'This token may not do that' },
  gated: { status: 403, title: 'The channel has gates, and only an admin goes around them' },
  own_release: { status: 403, title: 'The author of a release may not pass its gates' },
  not_found: { status: 404, title: 'There is no such thing' },
  unknown_channel: { status: 404, title: 'The bundle has no such channel' },
  method_not_allowed: { status: 405, title: 'This address does not take that method' },
  too_slow: { status: 408, title: 'The body came too slowly' },
  conflict: { status: 409, title: 'Something else stands in the way' },
  already_settled: { status: 409, title: 'The release already has its last word' },
  gate_decided: { status: 409, title: 'The gate already has its answer' },
  already_said: { status: 409, title: 'You have said your word on this gate' },
  gate_expired: { status: 409, title: 'The time to answer at this gate is over' },
  gate_not_open: { status: 409, title: 'The release has not come to its gates yet' },
  digest_mismatch: { status: 409, title: 'The release is not the artifact that you mean' },
  nothing_before: { status: 409, title: 'There is nothing to roll back to' },
  sink_down: { status: 409, title: 'A sink that must hear of the move is down' },
  callback_used: { status: 409, title: 'This address has had its answer' },
  follower_taken: { status: 409, title: 'Another token speaks for that follower' },
  callback_expired: { status: 410, title: 'The time to answer is over' },
  cursor_expired: { status: 410, title: 'What comes after that place is no longer kept' },
  callback_revoked: { status: 410, title: 'Nobody waits for this answer any more' },
  policy_changed: { status: 412, title: 'The policy is not the one that you saw' },
  pointer_moved: { status: 412, title: 'The pointer is not where you saw it' },
  too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'This content type is not taken here' },
  invalid_source: { status: 422, title: 'The source cannot be accepted' },
  invalid_request: { status: 422, title: 'The request cannot be accepted' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used for another request' },
  wrong_content: { status: 422, title: 'The bytes are not what their digest says' },
  incomplete_artifact: { status: 422, title: 'The artifact is not whole' },
  foreign_cursor: { status: 422, title: 'The cursor belongs to another feed' },
  cursor_ahead: { status: 422, title: 'The feed has not come so far' },
  which_gate: { status: 422, title: 'There are several gates, and none was named' },
  wrong_acknowledgement: { status: 422, title: 'That generation is something else' },
  unknown_repository: { status: 422, title: 'The hook is for another repository' },
  no_secret_key: { status: 422, title: 'There is no key to keep secrets with' },
  not_promotable: { status: 422, title: 'That release cannot become live' },
  held: { status: 423, title: 'The pointer is held' },
  larger_than_quota: { status: 413, title: 'The request is larger than a quota of the tenant' },
  quota_exceeded: { status: 429, title: 'A quota of the tenant is used up' },
  busy: { status: 429, title: 'Too much is waiting already' },
  internal: { status: 500, title: 'Something broke on our side' },
  unavailable: { status: 503, title: 'A store is down' },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/**
 * An error with a code that a client may act on and a message that a client may read. What only operators may see (addresses, SQL,
 * stack traces) goes into the cause.
 */
export class PointsmanError extends Error {
  override readonly name = 'PointsmanError';
  readonly code: ErrorCode;
  /** Further members of the problem document: diagnostics, the standing pointer. */
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
