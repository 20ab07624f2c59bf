import { z } from 'zod';

import { boundedPointer, boundedText, withinReport } from '@pointsman/protocol/releases/diagnostic';
import { ERRORS, PointsmanError } from '@pointsman/protocol/errors';
import { requestLimits } from '@pointsman/protocol/limits';
import { Pointer } from '@pointsman/protocol/moves/pointer';
import {
  ExceededQuota,
  type Problem,
  PROBLEM_MEDIA_TYPE,
  problemType,
  type RequestProblem,
} from '@pointsman/protocol/problem';
import { retryAfterSeconds } from '@pointsman/protocol/quota';
import { etagOf } from '@pointsman/protocol/entity-tag';

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
  const document: Problem = {
    type: problemType(known.code),
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
    'content-type': PROBLEM_MEDIA_TYPE,
    // The router counts responses in memory by their Content-Length.
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
