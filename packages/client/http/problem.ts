import { z } from 'zod';

import { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { Version } from '@pointsman/protocol/identifiers';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { Pointer } from '@pointsman/protocol/moves/pointer';
import { Outcome } from '@pointsman/protocol/releases/release';

/** The body of an error response: a problem document (RFC 9457) with additional members of Pointsman. */
export const Problem = z.looseObject({
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string().optional(),
  diagnostics: z.array(Diagnostic).optional(),
  /** True if there are more diagnostics than the list contains. */
  truncated: z.boolean().optional(),
  /** The problems of the request, if the request has several. */
  errors: z.array(z.looseObject({ pointer: z.string().optional(), message: z.string() })).optional(),
  /** The current pointer, if it does not have the generation that the request expects. */
  pointer: Pointer.optional(),
  /** The version of the release with which the request conflicts. */
  version: Version.optional(),
  /** The ID of the token with which the request conflicts. */
  tokenId: z.string().optional(),
  /** The role that the request requires. */
  role: z.string().optional(),
  /** The names of the gates from which the client must choose one, if the request named none. */
  gates: z.array(z.string()).optional(),
  /** True if an earlier request with the same Idempotency-Key has already been processed. */
  replayed: z.boolean().optional(),
  requestId: z.string().optional(),
  /** The outcome of the release, if the request failed because the release has already settled. */
  outcome: Outcome.nullish(),
});
export type Problem = z.infer<typeof Problem>;

/**
 * Parses the problem document in a response body. If the body is not one, for example because a proxy sent
 * the response, creates a problem from the HTTP status.
 */
export function readProblem(status: number, body: string): Problem {
  const problem = parseJsonAs(Problem, body);
  if (problem !== null) return problem;
  return { title: `The response was HTTP ${status}, but not from Pointsman`, status, code: `http_${status}` };
}
