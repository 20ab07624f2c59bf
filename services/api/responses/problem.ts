import { z } from 'zod';

import {
  boundedPointer,
  boundedText,
  Diagnostic,
  withinReport,
} from '@pointsman/protocol/releases/diagnostic';
import { ERRORS, PointsmanError } from '@pointsman/protocol/errors';
import { GateState } from '@pointsman/protocol/releases/gate';
import { Digest } from '@pointsman/protocol/identifiers';
import { requestLimits } from '@pointsman/protocol/limits';
import { Pointer } from '@pointsman/protocol/moves/pointer';
import { Quota, retryAfterSeconds } from '@pointsman/protocol/quota';
import { Outcome } from '@pointsman/protocol/releases/release';
import { etagOf } from './entity-tags.ts';

/** A problem in a request, with its location. */
export const RequestProblem = z
  .object({
    in: z.enum(['path', 'query', 'header', 'body']),
    name: z.string().optional().meta({ description: 'The parameter or header.' }),
    pointer: z.string().optional().meta({ description: 'A JSON Pointer (RFC 6901) into the body.' }),
    line: z.number().int().min(1).optional(),
    column: z.number().int().min(1).optional(),
    message: z.string(),
  })
  .meta({ id: 'RequestProblem', description: 'A problem of a request, and its location.' });
export type RequestProblem = z.infer<typeof RequestProblem>;

const ExceededQuota = Quota.omit({ default: true });

/** The format of all error responses of this API. */
export const Problem = z
  .looseObject({
    type: z.string().meta({ description: 'A URN for the kind of problem, with the same meaning as `code`.' }),
    title: z.string().meta({ description: 'The same for every problem of this kind.' }),
    status: z.number().int(),
    detail: z.string().meta({ description: 'What happened in this request.' }),
    code: z.enum(Object.keys(ERRORS)).meta({ description: 'Stable: branch on this.' }),
    instance: z.string().meta({ description: 'The path of the request.' }),
    requestId: z
      .string()
      .meta({ description: 'The id from the `X-Request-Id` header. Include it in a support request.' }),
    errors: z
      .array(RequestProblem)
      .optional()
      .meta({ description: 'The problems of the request, each with its location.' }),
    diagnostics: z
      .array(Diagnostic)
      .optional()
      .meta({ description: 'The problems of the source, each with its location.' }),
    truncated: z.boolean().optional().meta({ description: 'The list of diagnostics is incomplete.' }),
    pointer: Pointer.optional().meta({
      description: 'The current pointer, if it is not where the request expects it.',
    }),
    allow: z.array(z.string()).optional().meta({ description: 'The methods that are allowed here.' }),
    version: z.number().int().optional().meta({ description: 'The release that causes the conflict.' }),
    quota: ExceededQuota.optional().meta({
      description: 'The quota that is exhausted, or smaller than the request.',
    }),
    tokenId: z.string().optional().meta({ description: 'The token that causes the conflict.' }),
    replayed: z
      .boolean()
      .optional()
      .meta({ description: 'The same request was carried out before, under its `Idempotency-Key`.' }),
    outcome: Outcome.nullable().optional().meta({ description: 'The outcome of the release.' }),
    gate: z.string().optional().meta({ description: 'The gate that the request names.' }),
    gates: z
      .array(z.string())
      .optional()
      .meta({ description: 'The gates of the release or of the channel, or the candidates.' }),
    policyVersion: z.number().int().optional().meta({ description: 'The current version of the policy.' }),
    state: GateState.optional().meta({ description: 'How the gate was decided.' }),
    by: z.string().optional().meta({ description: 'Who made the recorded decision.' }),
    decision: z.string().optional().meta({ description: 'The recorded decision.' }),
    result: z.string().optional().meta({ description: 'The recorded result.' }),
    at: z.string().optional().meta({ description: 'When it was recorded.' }),
    deadlineAt: z.string().optional().meta({ description: 'When the deadline passed.' }),
    digest: Digest.optional().meta({ description: "The digest of the release's artifact." }),
    missing: z.array(Digest).optional().meta({ description: 'Blobs that are not stored.' }),
    problems: z.array(z.string()).optional().meta({ description: 'The problems of the manifests.' }),
    role: z.string().optional().meta({ description: 'The required role.' }),
    oldest: z.string().optional().meta({ description: 'The oldest cursor that the feed can resume from.' }),
    latest: z.string().optional().meta({ description: 'The cursor at the end of the feed.' }),
  })
  .meta({ id: 'Problem', description: 'A problem document (RFC 9457).' });

/** Identifies the request that caused an error. */
export interface ProblemPlace {
  readonly requestId: string;
  /** The path of the request, without its query. */
  readonly instance: string;
}

/**
 * Converts an error into an HTTP response. No other code does this conversion. An error that is not a PointsmanError becomes a 500 response
 * without details.
 */
export function problemResponse(error: unknown, place: ProblemPlace): Response {
  const { status, headers, body } = problemParts(error, place);
  return new Response(body, { status, headers });
}

/** Returns the status, headers and body of the response to an error. */
export function problemParts(error: unknown, place: ProblemPlace) {
  const known = asPointsmanError(error);
  const { status, title } = ERRORS[known.code];
  const document = {
    type: `urn:pointsman:problem:${known.code}`,
    title,
    status,
    detail: known.message,
    code: known.code,
    instance: place.instance,
    requestId: place.requestId,
    ...known.details,
  };
  const body = JSON.stringify(document);
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    // The router uses the Content-Length to count responses in memory.
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    ...headersOf(known),
  };
  return { status, headers, body };
}

/** Returns the error that a client receives for any thrown value. */
export function asPointsmanError(error: unknown): PointsmanError {
  if (error instanceof PointsmanError) return error;
  return new PointsmanError(
    'internal',
    'The request failed because of an internal error. Report it with its requestId.',
    {
      cause: error,
    },
  );
}

/**
 * Returns an error that lists the problems of a request. Each problem has its location and text of limited length. The first problem is the
 * detail of the error.
 */
export function requestError(
  code: 'malformed' | 'invalid_request',
  found: readonly RequestProblem[],
): PointsmanError {
  const errors = boundedProblems(found);
  const [first] = errors;
  const detail = first ? describeProblem(first) : 'The request is invalid.';
  return new PointsmanError(code, errors.length > 1 ? `${detail} (and ${errors.length - 1} more)` : detail, {
    details: { errors },
  });
}

/**
 * Returns the first problems, with texts of limited length and at most {@link documentLimits.reportChars} characters in total. The limits
 * are needed because the client chooses the names of fields and parameters. The threads that read request bodies call this before they send
 * problems to the main thread.
 */
export function boundedProblems(found: readonly RequestProblem[]): RequestProblem[] {
  return withinReport(found.map(bounded), ({ name = '', pointer = '', message }) => [name, pointer, message]);
}

function bounded(problem: RequestProblem): RequestProblem {
  const { name, pointer, message } = problem;
  return {
    ...problem,
    ...(name === undefined ? {} : { name: boundedText(name) }),
    ...(pointer === undefined ? {} : { pointer: boundedPointer(pointer) }),
    message: boundedText(message),
  };
}

function describeProblem({ in: place, name, pointer, line, column, message }: RequestProblem): string {
  const where = [
    place,
    name,
    pointer === undefined || pointer === '' ? undefined : pointer,
    line === undefined ? undefined : `line ${line}, column ${column}`,
  ];
  return `${where.filter((part) => part !== undefined).join(' ')}: ${message}`;
}

function headersOf({ code, details }: PointsmanError): Record<string, string> {
  switch (code) {
    case 'unauthenticated':
      return { 'www-authenticate': 'Bearer realm="pointsman"' };
    case 'not_signed':
      // A 401 response must contain a challenge (RFC 9110, section 15.5.2). The challenge names the scheme "Signature", because a hook
      // delivery needs a signature and not a token.
      return { 'www-authenticate': 'Signature realm="pointsman"' };
    case 'too_slow':
      // Close the connection. Otherwise the rest of the body, which was too slow, would be parsed as the next request.
      return { connection: 'close' };
    case 'quota_exceeded': {
      const { quota } = ExceededQuota.parse(details['quota']);
      return { 'retry-after': String(retryAfterSeconds(quota, Date.now())) };
    }
    case 'busy':
    case 'unavailable':
    case 'gate_not_open':
      return { 'retry-after': String(requestLimits.retryAfterSeconds) };
    case 'method_not_allowed':
      return { allow: z.array(z.string()).parse(details['allow']).join(', ') };
    case 'policy_changed':
      return { etag: etagOf(z.number().parse(details['policyVersion'])) };
    case 'pointer_moved':
      return { etag: etagOf(Pointer.parse(details['pointer']).generation) };
    default:
      return {};
  }
}
