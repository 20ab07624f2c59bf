import type { z } from 'zod';

import { cut } from '../text/cut.ts';
import { issueLimits } from '../limits.ts';

/**
 * Only this file may read the error of a schema; a test enforces this. The sender of a document determines
 * the number of issues, so the message of a ZodError, which lists all of them, has no limit.
 */

/** The result of a failed `safeParse`. */
export interface Misfit {
  readonly error: z.core.$ZodError;
}

/** Returns the first issues, at most `most`. */
export function firstIssues({ error }: Misfit, most: number): readonly z.core.$ZodIssue[] {
  return error.issues.slice(0, most);
}

/**
 * Returns the message of the first issue, without its path. For a single string or number, which has no path.
 */
export function firstMessage({ error }: Misfit): string {
  return cut(messageOf(error.issues[0]), issueLimits.chars);
}

/** Formats the first few issues for people, each with its path. The length of the text is limited. */
export function describeIssues(misfit: Misfit): string {
  const shown = firstIssues(misfit, issueLimits.shown).map((issue) => {
    const place = issue.path.map((step) => `/${String(step)}`).join('');
    return cut(place === '' ? messageOf(issue) : `at "${place}": ${messageOf(issue)}`, issueLimits.chars);
  });
  const more = misfit.error.issues.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? ` (and ${more} more)` : ''}`;
}

/** Returns the message of an issue. For an invalid key of a record, returns the issue of the key itself. */
export function messageOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'it is invalid';
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
}
