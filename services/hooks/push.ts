import { z } from 'zod';

import { boundedList } from '../../core/json/bounded-list.ts';
import { cut } from '../../core/cut.ts';
import { StorableText } from '../../core/json/storable.ts';
import { deliveryLimits } from './limits.ts';

/** What a provider says of a push, as far as anybody here needs it. */
export interface Push {
  readonly repository: string;
  readonly ref: string;
  /** What the ref names now; null when it was deleted. */
  readonly commit: string | null;
  /** The commit's subject. */
  readonly subject: string | null;
  /** Every file that the push changes; null where the provider does not say, or not all of it. */
  readonly paths: readonly string[] | null;
  /** When it was pushed, in epoch seconds, where the provider says so: deliveries can overtake each other. */
  readonly pushedAt: number | null;
  /** Where the source is, when the payload says so rather than the rule. */
  readonly sourceUrl: string | null;
}

/** What a delivery is about. */
export type Delivered =
  | { readonly kind: 'push'; readonly push: Push }
  /** The provider only tries whether somebody is there. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'other'; readonly event: string }
  /** Signed, but not what that provider sends. */
  | { readonly kind: 'unreadable'; readonly problem: string };

export const Ref = StorableText.max(deliveryLimits.refChars);

/** A repository as its provider calls it. */
export const RepositoryName = StorableText.max(deliveryLimits.nameChars);

/** Paths of files: of one commit, or of the whole push. */
export const Paths = boundedList(z.string(), deliveryLimits.values);

/** The first line of a commit's message, for people: without what their terminals would execute, and of bounded length. */
export function subjectOf(message: string): string | null {
  const line = message.split(/[\r\n]/, 1)[0] ?? '';
  const clean = line.replaceAll(CONTROL, ' ').toWellFormed().trim();
  return clean === '' ? null : cut(clean, deliveryLimits.subjectChars);
}

// oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** How Git writes that there is no commit. */
export function isNoCommit(sha: string): boolean {
  return /^0+$/.test(sha);
}
