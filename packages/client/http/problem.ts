import { z } from 'zod';

import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import * as problems from '@pointsman/protocol/problem';
import { lenient } from './lenient.ts';

/**
 * A problem document as a client reads it. A newer API may have further codes, quotas and states, and the API's
 * response to unreadable bytes has no request to identify.
 */
export const Problem = lenient(
  problems.Problem.partial({ type: true, detail: true, instance: true, requestId: true }).extend({
    code: z.string(),
    errors: z.array(problems.RequestProblem.extend({ in: z.string() })).optional(),
    quota: problems.ExceededQuota.extend({ quota: z.string() }).optional(),
    state: z.string().optional(),
  }),
);
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
