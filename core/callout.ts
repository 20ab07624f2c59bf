import { parseReleaseKey, type ReleaseId, releaseKey } from '@pointsman/protocol/identifiers';

/** What an outside service is asked for. */
export type Purpose = 'check' | 'compile';

/** One request of a release to an outside service: a gate's check, or one attempt to compile. */
export interface CalloutId {
  readonly id: ReleaseId;
  readonly purpose: Purpose;
  /** The name of the gate, or the number of the attempt. */
  readonly subject: string;
}

/** The name of a callout in Restate and in the record: `acme/support-bot/v12/compile/1`. */
export function calloutKey({ id, purpose, subject }: CalloutId): string {
  return `${releaseKey(id)}/${purpose}/${subject}`;
}

/** The callout of a key that {@link calloutKey} made. Null for any other text. */
export function parseCalloutKey(key: string): CalloutId | null {
  const [, release = '', purpose, subject = ''] = /^(.+)\/(check|compile)\/([a-z0-9-]+)$/.exec(key) ?? [];
  const id = parseReleaseKey(release);
  return id && (purpose === 'check' || purpose === 'compile') ? { id, purpose, subject } : null;
}
