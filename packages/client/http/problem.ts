import { z } from 'zod';

import { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { Version } from '@pointsman/protocol/identifiers';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { Pointer } from '@pointsman/protocol/moves/pointer';
import { Outcome } from '@pointsman/protocol/releases/release';

/** A problem document (RFC 9457) with the members that Pointsman adds. */
export const Problem = z.looseObject({
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string().optional(),
  diagnostics: z.array(Diagnostic).optional(),
  /** True if the list of diagnostics is incomplete. */
  truncated: z.boolean().optional(),
  /** The problems of the request, if there are several. */
  errors: z.array(z.looseObject({ pointer: z.string().optional(), message: z.string() })).optional(),
  /** The current pointer, if it does not have the generation that the request expected. */
  pointer: Pointer.optional(),
  /** The release that causes the conflict. */
  version: Version.optional(),
  /** The token that causes the conflict. */
  tokenId: z.string().optional(),
  /** The required role. */
  role: z.string().optional(),
  /** The names of the gates that the request could mean. */
  gates: z.array(z.string()).optional(),
  /** True if an earlier request with the same Idempotency-Key was already carried out. */
  replayed: z.boolean().optional(),
  requestId: z.string().optional(),
  /** The outcome of a release that has already settled. */
  outcome: Outcome.nullish(),
});
export type Problem = z.infer<typeof Problem>;

/**
 * Parses the problem in a response body. If a proxy sent the response, creates a problem from the status
 * alone.
 */
export function readProblem(status: number, body: string): Problem {
  const problem = parseJsonAs(Problem, body);
  if (problem !== null) return problem;
  return { title: `The response was HTTP ${status}, but not from Pointsman`, status, code: `http_${status}` };
}
