import type { z } from 'zod';

import type { RequestProblem } from './problem.ts';

/** What a schema says against a JSON body, each at its JSON Pointer. */
export function bodyProblems(error: z.ZodError): RequestProblem[] {
  return error.issues.flatMap((issue): RequestProblem[] => {
    const pointer = issue.path.map((step) => `/${escaped(String(step))}`).join('');
    if (issue.code !== 'unrecognized_keys') return [{ in: 'body', pointer, message: wordsOf(issue) }];
    return issue.keys.map((key) => ({
      in: 'body',
      pointer: `${pointer}/${escaped(key)}`,
      message: 'this field is not known',
    }));
  });
}

/** What a schema says against parameters or headers, each at its name. */
export function namedProblems(place: 'path' | 'query' | 'header', error: z.ZodError): RequestProblem[] {
  return error.issues.flatMap((issue): RequestProblem[] => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ in: place, name: String(issue.path[0] ?? ''), message: wordsOf(issue) }];
    }
    return issue.keys.map((name) => ({ in: place, name, message: 'this parameter is not known here' }));
  });
}

// "expected string, received undefined" is what the library says of a field that is not there, and "invalid key" of a name that is wrong.
function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  return issue.code === 'invalid_type' &&
    issue.input === undefined &&
    /received undefined/.test(issue.message)
    ? 'this is missing'
    : issue.message;
}

// JSON Pointer (RFC 6901, section 3).
function escaped(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1');
}
