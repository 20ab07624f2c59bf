import type { z } from 'zod';

import { cut } from '../text/cut.ts';
import { issueLimits } from '../limits.ts';

/**
 * The only file that reads a schema's error; a test enforces this. The sender of a document determines the number of issues, so a text with
 * all of them is unbounded, and the error's message is such a text.
 */

/** The result of a schema for a document that does not fit it. */
export interface Misfit {
  readonly error: z.core.$ZodError;
}

/** The first issues of a schema. */
export function firstIssues({ error }: Misfit, most: number): readonly z.core.$ZodIssue[] {
  return error.issues.slice(0, most);
}

/** The message of the first issue, without its path: for a text or a number, which has no path. */
export function firstMessage({ error }: Misfit): string {
  return cut(messageOf(error.issues[0]), issueLimits.chars);
}

/** The first issues for people: a few, each with its path, in bounded text. */
export function describeIssues(misfit: Misfit): string {
  const shown = firstIssues(misfit, issueLimits.shown).map((issue) => {
    const place = issue.path.map((step) => `/${String(step)}`).join('');
    return cut(place === '' ? messageOf(issue) : `at "${place}": ${messageOf(issue)}`, issueLimits.chars);
  });
  const more = misfit.error.issues.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? ` (and ${more} more)` : ''}`;
}

/** The message of an issue. For an invalid key of a map, the problem of the key. */
export function messageOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'it is invalid';
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
}
