import { parseReleaseKey, type ReleaseId, releaseKey } from './identifiers.ts';

/** What somebody else is asked for. */
export type Purpose = 'check' | 'compile';

/** Something of one release for which somebody outside is asked, once: a gate's check, or one attempt to compile. */
export interface CalloutId {
  readonly id: ReleaseId;
  readonly purpose: Purpose;
  /** The gate, or the number of the attempt. */
  readonly subject: string;
}

/** How a callout is called, for operators and on record: `acme/support-bot/v12/compile/1`. */
export function calloutKey({ id, purpose, subject }: CalloutId): string {
  return `${releaseKey(id)}/${purpose}/${subject}`;
}

/** The inverse of {@link calloutKey}; null for anything that it did not make. */
export function parseCalloutKey(key: string): CalloutId | null {
  const [, release = '', purpose, subject = ''] = /^(.+)\/(check|compile)\/([a-z0-9-]+)$/.exec(key) ?? [];
  const id = parseReleaseKey(release);
  return id && (purpose === 'check' || purpose === 'compile') ? { id, purpose, subject } : null;
}
