import { z } from 'zod';

import { Generation } from '../../../core/identifiers.ts';

/** The strong entity tag of some representation: a digest, or a pointer's generation. */
export function etagOf(value: string | number): string {
  return `"${value}"`;
}

/**
 * Whether `If-None-Match` names what is there. Compared weakly, as RFC 9110 (section 13.1.2) wants it: what a proxy turned into a weak
 * tag is still the same content.
 */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

const TAG = String.raw`(?:W/)?"[\x21\x23-\x7e]*"`;

export const IfNoneMatch = z
  .string()
  .regex(
    new RegExp(String.raw`^(?:\*|${TAG}(?:\s*,\s*${TAG})*)$`),
    'must be "*" or entity tags in double quotes',
  )
  .optional()
  .meta({
    description: 'Entity tags that the caller has already. 304 when one of them is still right.',
    example: '"17"',
  });

/** The generation of an `If-Match`, or `any`: the pointer must exist, wherever it is. */
export type ExpectedGeneration = number | 'any';

/**
 * `If-Match` with a pointer's entity tag. Weak ones are refused, since RFC 9110 (section 13.1.1) compares strongly here, so that they
 * could never match; and one tag only, since an author saw the pointer in one place.
 */
export const IfMatch = z
  .string()
  .regex(
    /^(?:\*|"(?:0|[1-9][0-9]{0,15})")$/,
    'must be one generation in double quotes, as in the ETag of the pointer, or "*"',
  )
  .transform((tag): ExpectedGeneration => (tag === '*' ? 'any' : Number(tag.slice(1, -1))))
  .refine((expected) => expected === 'any' || Generation.safeParse(expected).success, 'must be a generation')
  .optional()
  .meta({
    description:
      'The generation of the pointer that the caller saw, in double quotes. 412 with the current pointer when it has moved since. `*` asks only that the pointer is there.',
    example: '"17"',
  });
