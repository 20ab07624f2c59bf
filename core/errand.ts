import { parseReleaseKey, type ReleaseId, releaseKey } from './identifiers.ts';

/** What somebody else is asked for. */
export type Purpose = 'check' | 'compile';

/** Something of one release for which somebody outside is asked, once: a gate's check, or one attempt to compile. */
export interface Errand {
  readonly id: ReleaseId;
  readonly purpose: Purpose;
  /** The gate, or the number of the attempt. */
  readonly subject: string;
}

/** How an errand is called, for operators and on record: `acme/support-bot/v12/compile/1`. */
export function errandKey({ id, purpose, subject }: Errand): string {
  return `${releaseKey(id)}/${purpose}/${subject}`;
}

/** The inverse of {@link errandKey}; null for anything that it did not make. */
export function parseErrandKey(key: string): Errand | null {
  const [, release = '', purpose, subject = ''] = /^(.+)\/(check|compile)\/([a-z0-9-]+)$/.exec(key) ?? [];
  const id = parseReleaseKey(release);
  return id && (purpose === 'check' || purpose === 'compile') ? { id, purpose, subject } : null;
}
