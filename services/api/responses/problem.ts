import { z } from 'zod';

import { boundedPointer, boundedText, Diagnostic, withinReport } from '../../../core/releases/diagnostic.ts';
import { ERRORS, PointsmanError } from '../../../core/errors.ts';
import { GateState } from '../../../core/gates/gate.ts';
import { Digest } from '../../../core/identifiers.ts';
import { httpLimits } from '../../../core/limits/limits.ts';
import { Pointer } from '../../../core/moves/pointer.ts';
import { Quota, retryAfterSeconds } from '../../../core/quota.ts';
import { Outcome } from '../../../core/releases/release.ts';
import { etagOf } from './entity-tags.ts';

/** One thing of a request that is wrong, and where it stands. */
export const RequestProblem = z
  .object({
    in: z.enum(['path', 'query', 'header', 'body']),
    name: z.string().optional().meta({ description: 'The parameter or header.' }),
    pointer: z.string().optional().meta({ description: 'A JSON Pointer (RFC 6901) into the body.' }),
    line: z.number().int().min(1).optional(),
    column: z.number().int().min(1).optional(),
    message: z.string(),
  })
  .meta({ id: 'RequestProblem', description: 'One thing of a request that is wrong, and where it stands.' });
export type RequestProblem = z.infer<typeof RequestProblem>;

const ExceededQuota = Quota.omit({ default: true });

/** The shape of every error that this API answers. */
export const Problem = z
  .looseObject({
    type: z.string().meta({ description: 'Names the kind of problem, as `code` does.' }),
    title: z.string().meta({ description: 'The same for every problem of this kind.' }),
    status: z.number().int(),
    detail: z.string().meta({ description: 'What happened this time.' }),
    code: z.enum(Object.keys(ERRORS)).meta({ description: 'Stable: act on this.' }),
    instance: z.string().meta({ description: 'The address that was asked.' }),
    requestId: z
      .string()
      .meta({ description: 'As in the `X-Request-Id` header. Say it when you ask for help.' }),
    errors: z
      .array(RequestProblem)
      .optional()
      .meta({ description: 'What is wrong with the request, each at its place.' }),
    diagnostics: z
      .array(Diagnostic)
      .optional()
      .meta({ description: 'What is wrong with the source, each at its place.' }),
    truncated: z.boolean().optional().meta({ description: 'There are more diagnostics than these.' }),
    pointer: Pointer.optional().meta({
      description: 'Where the pointer is, when it is not where the request wanted it.',
    }),
    allow: z.array(z.string()).optional().meta({ description: 'The methods that this address takes.' }),
    version: z.number().int().optional().meta({ description: 'The release that stands in the way.' }),
    quota: ExceededQuota.optional().meta({
      description: 'The quota that is used up, or that the request is larger than.',
    }),
    tokenId: z.string().optional().meta({ description: 'The token that stands in the way.' }),
    replayed: z
      .boolean()
      .optional()
      .meta({ description: 'This same request was carried out before, under its `Idempotency-Key`.' }),
    outcome: Outcome.nullable().optional().meta({ description: 'What the release ended as.' }),
    gate: z.string().optional().meta({ description: 'The gate that was meant.' }),
    gates: z
      .array(z.string())
      .optional()
      .meta({ description: 'The gates that the release or the channel has, or that may have been meant.' }),
    policyVersion: z
      .number()
      .int()
      .optional()
      .meta({ description: 'The version of the policy that stands.' }),
    state: GateState.optional().meta({ description: 'How the gate was decided.' }),
    by: z.string().optional().meta({ description: 'Whose word stands.' }),
    word: z.string().optional().meta({ description: 'The word that stands.' }),
    at: z.string().optional().meta({ description: 'Since when it stands.' }),
    deadlineAt: z.string().optional().meta({ description: 'When the time to answer was over.' }),
    digest: Digest.optional().meta({ description: 'What the release was compiled to.' }),
    missing: z.array(Digest).optional().meta({ description: 'Blobs that are not stored.' }),
    problems: z.array(z.string()).optional().meta({ description: 'What is wrong with the manifests.' }),
    role: z.string().optional().meta({ description: 'The role that it takes.' }),
    oldest: z.string().optional().meta({ description: 'The first cursor that the feed still goes on from.' }),
    latest: z.string().optional().meta({ description: 'The cursor of the feed’s end.' }),
  })
  .meta({ id: 'Problem', description: 'A problem document (RFC 9457).' });

/** Where a problem happened. */
export interface ProblemPlace {
  readonly requestId: string;
  /** The path that was asked, without its query. */
  readonly instance: string;
}

/** The one place where an error becomes an HTTP response. Anything but a PointsmanError becomes a 500 that tells nothing about it. */
export function problemResponse(error: unknown, place: ProblemPlace): Response {
  const { status, headers, body } = problemParts(error, place);
  return new Response(body, { status, headers });
}

/** The same in parts. */
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
    // The router counts by it what is in memory.
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    ...headersOf(known),
  };
  return { status, headers, body };
}

/** What a client is told of any error. */
export function asPointsmanError(error: unknown): PointsmanError {
  if (error instanceof PointsmanError) return error;
  return new PointsmanError(
    'internal',
    'The request was not carried out. It is safe to report this with its requestId.',
    {
      cause: error,
    },
  );
}

/** An error whose document lists what is wrong, each at its place and in bounded words; the first one is the detail. */
export function requestError(
  code: 'malformed' | 'invalid_request',
  found: readonly RequestProblem[],
): PointsmanError {
  const errors = boundedProblems(found);
  const [first] = errors;
  const detail = first ? describeProblem(first) : 'The request is not right.';
  return new PointsmanError(code, errors.length > 1 ? `${detail} (and ${errors.length - 1} more)` : detail, {
    details: { errors },
  });
}

/**
 * The first problems, each in bounded words and all of them within {@link documentLimits.reportChars}: fields and parameters are called as the
 * client likes. A thread does so before they leave it.
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
      // A 401 names a way in (RFC 9110, section 15.5.2); this one no token opens.
      return { 'www-authenticate': 'Signature realm="pointsman"' };
    case 'too_slow':
      // The rest of the body would be taken for the next request.
      return { connection: 'close' };
    case 'quota_exceeded': {
      const { quota } = ExceededQuota.parse(details['quota']);
      return { 'retry-after': String(retryAfterSeconds(quota, Date.now())) };
    }
    case 'busy':
    case 'unavailable':
    case 'gate_not_open':
      return { 'retry-after': String(httpLimits.retryAfterSeconds) };
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
