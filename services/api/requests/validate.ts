import type { z } from 'zod';

import { documentLimits } from '@pointsman/protocol/limits';
import { firstIssues, messageOf, type Misfit } from '@pointsman/protocol/json/schema-issues';
import { pointerWithin } from '../../compiler/parse/json-pointer.ts';
import { sourceBodyLimits } from '../limits.ts';
import type { RequestProblem } from '@pointsman/protocol/problem';
import { boundedProblems } from '../responses/problem.ts';

/**
 * Returns the problems of a JSON body, each with its JSON Pointer. The number of problems is limited, because the sender determines how
 * many there are.
 */
export function bodyProblems(misfit: Misfit): RequestProblem[] {
  return problemsOf(misfit, (issue): RequestProblem[] => {
    const pointer = pointerWithin(documentLimits.textChars, issue.path.map(String));
    if (issue.code !== 'unrecognized_keys') return [{ in: 'body', pointer, message: textOf(issue) }];
    return mostOf(issue.keys).map((key) => ({
      in: 'body',
      pointer: `${pointer}/${escaped(key)}`,
      message: 'this field is unknown',
    }));
  });
}

/** Returns the problems of path parameters, query parameters or headers, each with its name. */
export function namedProblems(place: 'path' | 'query' | 'header', misfit: Misfit): RequestProblem[] {
  return problemsOf(misfit, (issue): RequestProblem[] => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ in: place, name: String(issue.path[0] ?? ''), message: textOf(issue) }];
    }
    return mostOf(issue.keys).map((name) => ({
      in: place,
      name,
      message: 'this parameter is unknown',
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

// Replaces two messages of the zod library with clearer texts: "expected string, received undefined" for a missing field, and "invalid key"
// for a wrong name.
function textOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type' &&
    issue.input === undefined &&
    /received undefined/.test(issue.message)
    ? 'this is missing'
    : messageOf(issue);
}

// Escapes a step of a JSON Pointer (RFC 6901, section 3).
export function escaped(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1');
}
