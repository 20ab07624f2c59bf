import type { z } from 'zod';

import { documentLimits } from '../../../core/limits/limits.ts';
import { firstIssues, messageOf, type Misfit } from '../../../core/json/schema-issues.ts';
import { pointerWithin } from '../../compiler/parse/json-pointer.ts';
import { sourceBodyLimits } from '../limits.ts';
import { boundedProblems, type RequestProblem } from '../responses/problem.ts';

/** What a schema found in a JSON body, each at its JSON Pointer: the first ones, since whoever sends the body chooses how many there are. */
export function bodyProblems(misfit: Misfit): RequestProblem[] {
  return problemsOf(misfit, (issue): RequestProblem[] => {
    const pointer = pointerWithin(documentLimits.textChars, issue.path.map(String));
    if (issue.code !== 'unrecognized_keys') return [{ in: 'body', pointer, message: wordsOf(issue) }];
    return mostOf(issue.keys).map((key) => ({
      in: 'body',
      pointer: `${pointer}/${escaped(key)}`,
      message: 'this field is not known',
    }));
  });
}

/** The same of parameters or headers, each at its name. */
export function namedProblems(place: 'path' | 'query' | 'header', misfit: Misfit): RequestProblem[] {
  return problemsOf(misfit, (issue): RequestProblem[] => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ in: place, name: String(issue.path[0] ?? ''), message: wordsOf(issue) }];
    }
    return mostOf(issue.keys).map((name) => ({
      in: place,
      name,
      message: 'this parameter is not known here',
    }));
  });
}

function problemsOf(
  misfit: Misfit,
  toProblems: (issue: z.core.$ZodIssue) => RequestProblem[],
): RequestProblem[] {
  return boundedProblems(mostOf(firstIssues(misfit, sourceBodyLimits.problems).flatMap(toProblems)));
}

function mostOf<T>(all: readonly T[]): T[] {
  return all.slice(0, sourceBodyLimits.problems);
}

// "expected string, received undefined" is what the library says of a field that is not there, and "invalid key" of a name that is wrong.
function wordsOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type' &&
    issue.input === undefined &&
    /received undefined/.test(issue.message)
    ? 'this is missing'
    : messageOf(issue);
}

// JSON Pointer (RFC 6901, section 3).
export function escaped(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1');
}
