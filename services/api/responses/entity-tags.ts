import { z } from 'zod';

import { Generation } from '@pointsman/protocol/identifiers';

/**
 * Whether `If-None-Match` contains the current entity tag. The comparison is weak, as RFC 9110 (section 13.1.2) requires: a proxy may have
 * made the tag weak although the content is the same.
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
    description: 'Entity tags that the caller already has. 304 if one of them is current.',
    example: '"17"',
  });

/** The generation that an `If-Match` header requires. With `any`, the pointer only has to exist. */
export type ExpectedGeneration = number | 'any';

/**
 * An `If-Match` header with the entity tag of a pointer. Weak tags are refused, because they can never match in the strong comparison that
 * RFC 9110 (section 13.1.1) requires. Only one tag is allowed, because an author has seen only one state of the pointer.
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
      'The generation of the pointer that the caller saw, in double quotes. 412 with the current pointer if it has moved since. `*` only requires the pointer to exist.',
    example: '"17"',
  });
