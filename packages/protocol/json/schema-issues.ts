import type { z } from 'zod';

import { cut } from '../text/cut.ts';
import { issueLimits } from '../limits.ts';

/**
 * Functions that format the issues of a failed schema. Only this file may read the error of a schema; a test
 * enforces that. The sender of a document determines how many issues it has. The message of a ZodError lists
 * all of them, so its length has no limit.
 */

/** The failure that `safeParse` returns. */
export interface Misfit {
  readonly error: z.core.$ZodError;
}

/** Returns the first issues, but at most `most` of them. */
export function firstIssues({ error }: Misfit, most: number): readonly z.core.$ZodIssue[] {
  return error.issues.slice(0, most);
}

/**
 * Returns the message of the first issue, without its path. Meant for a schema of a single string or number,
 * whose issues have no path.
 */
export function firstMessage({ error }: Misfit): string {
  return cut(messageOf(error.issues[0]), issueLimits.chars);
}

/**
 * Returns a text with the first few issues and their paths, for an error message. The length of the text is
 * limited.
 */
export function describeIssues(misfit: Misfit): string {
  const shown = firstIssues(misfit, issueLimits.shown).map((issue) => {
    const place = issue.path.map((step) => `/${String(step)}`).join('');
    return cut(place === '' ? messageOf(issue) : `at "${place}": ${messageOf(issue)}`, issueLimits.chars);
  });
  const more = misfit.error.issues.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? ` (and ${more} more)` : ''}`;
}

/** Returns the message of an issue. If the key of a record is invalid, returns the message about the key. */
export function messageOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'it is invalid';
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
}
