import type { z } from 'zod';

import { cut } from '../cut.ts';
import { issueLimits } from '../limits/limits.ts';

/**
 * The only file that reads the error of a schema, which a test enforces. Whoever sends the document chooses how many issues there are: text
 * that is made of all of them has no bound, and the message of the error is such a text.
 */

/** What a schema says of a document that does not fit it. */
export interface Misfit {
  readonly error: z.core.$ZodError;
}

/** What a schema found first. */
export function firstIssues({ error }: Misfit, most: number): readonly z.core.$ZodIssue[] {
  return error.issues.slice(0, most);
}

/** What a schema found first, without its place: for a text or a number that has no parts. */
export function firstMessage({ error }: Misfit): string {
  return cut(messageOf(error.issues[0]), issueLimits.chars);
}

/** What a schema found first, for people: a few issues, each with its place, in bounded words. */
export function describeIssues(misfit: Misfit): string {
  const shown = firstIssues(misfit, issueLimits.shown).map((issue) => {
    const place = issue.path.map((step) => `/${String(step)}`).join('');
    return cut(place === '' ? messageOf(issue) : `at "${place}": ${messageOf(issue)}`, issueLimits.chars);
  });
  const more = misfit.error.issues.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? ` (and ${more} more)` : ''}`;
}

/** The message; of a map's key that is wrong, what is wrong with it. */
export function messageOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'it is wrong';
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
}
