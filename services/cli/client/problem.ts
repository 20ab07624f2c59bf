import { z } from 'zod';

import { Diagnostic } from '../../../core/releases/diagnostic.ts';
import { Version } from '../../../core/identifiers.ts';
import { parseJsonAs } from '../../../core/json/parse-json.ts';
import { Pointer } from '../../../core/moves/pointer.ts';
import { Outcome } from '../../../core/releases/release.ts';

/** A problem document (RFC 9457) with the members that Pointsman adds. */
export const Problem = z.looseObject({
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string().optional(),
  diagnostics: z.array(Diagnostic).optional(),
  /** There are more diagnostics than these. */
  truncated: z.boolean().optional(),
  /** What is wrong with the request, when that is more than the detail says. */
  errors: z.array(z.looseObject({ pointer: z.string().optional(), message: z.string() })).optional(),
  /** Where the pointer is, when it is not where the request wanted it. */
  pointer: Pointer.optional(),
  /** The release that stands in the way. */
  version: Version.optional(),
  /** The token that stands in the way. */
  tokenId: z.string().optional(),
  /** The role that would be enough. */
  role: z.string().optional(),
  /** The gates that may be meant. */
  gates: z.array(z.string()).optional(),
  /** The same request was carried out before, under its Idempotency-Key. */
  replayed: z.boolean().optional(),
  requestId: z.string().optional(),
  /** What a release ended as, when it was too late to steer it. */
  outcome: Outcome.nullish(),
});
export type Problem = z.infer<typeof Problem>;

/** The problem in that body; one made of the status alone when somebody between us and the API answered. */
export function readProblem(status: number, body: string): Problem {
  const problem = parseJsonAs(Problem, body);
  if (problem !== null) return problem;
  return { title: `The answer was HTTP ${status}, and not Pointsman's`, status, code: `http_${status}` };
}
