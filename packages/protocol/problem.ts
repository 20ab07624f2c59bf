import { z } from 'zod';

import { type ErrorCode, ERRORS } from './errors.ts';
import { Probed } from './health-view.ts';
import { Digest, SinkName } from './identifiers.ts';
import { Pointer } from './moves/pointer.ts';
import { Quota } from './quota.ts';
import { Diagnostic } from './releases/diagnostic.ts';
import { GateState } from './releases/gate.ts';
import { Outcome } from './releases/release.ts';

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

/** The quota of a problem, without its default: a client needs only the limit to decide what to do. */
export const ExceededQuota = Quota.omit({ default: true });

/** A problem document (RFC 9457): the format of all error responses of this API. */
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
    generation: z.number().int().optional().meta({ description: 'The generation that the release made.' }),
    sinks: z
      .array(z.object({ sink: SinkName, why: z.string() }))
      .optional()
      .meta({ description: 'The required sinks that are down, each with the reason.' }),
    postgres: Probed.optional().meta({ description: 'Whether the database responds.' }),
    restate: Probed.optional().meta({ description: 'Whether Restate responds.' }),
    worker: Probed.optional().meta({ description: 'Whether the worker responds through Restate.' }),
  })
  .meta({ id: 'Problem', description: 'A problem document (RFC 9457).' });
export type Problem = z.infer<typeof Problem>;

/** The media type of a problem document (RFC 9457, section 3). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The `type` of a problem: a URN, because no page describes a single kind of problem. */
export function problemType(code: ErrorCode): string {
  return `urn:pointsman:problem:${code}`;
}
