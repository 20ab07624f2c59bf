import { z } from 'zod';

import { parseReleaseKey, type ReleaseId, releaseKey } from '@pointsman/protocol/identifiers';

/** The kind of work that Pointsman requests from an outside service. */
export const Purpose = z.enum(['check', 'compile']);
export type Purpose = z.infer<typeof Purpose>;

/**
 * Identifies one request that a release sends to an outside service: a gate's check, or one compile attempt.
 */
export interface CalloutId {
  readonly id: ReleaseId;
  readonly purpose: Purpose;
  /** The name of the gate, or the number of the compile attempt. */
  readonly subject: string;
}

/** The name of a callout in Restate and in the database: `acme/support-bot/v12/compile/1`. */
export function calloutKey({ id, purpose, subject }: CalloutId): string {
  return `${releaseKey(id)}/${purpose}/${subject}`;
}

/** Parses a key that {@link calloutKey} returned. Returns null for any other text. */
export function parseCalloutKey(key: string): CalloutId | null {
  const [, release = '', word, subject = ''] = /^(.+)\/([a-z]+)\/([a-z0-9-]+)$/.exec(key) ?? [];
  const id = parseReleaseKey(release);
  const purpose = Purpose.safeParse(word);
  return id && purpose.success ? { id, purpose: purpose.data, subject } : null;
}
