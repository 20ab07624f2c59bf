import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { cut } from '@pointsman/protocol/text/cut';
import { StorableText } from '@pointsman/protocol/json/storable';
import { deliveryLimits } from './limits.ts';

/** The fields of a provider's push that Pointsman uses. */
export interface Push {
  readonly repository: string;
  readonly ref: string;
  /** The new commit of the ref; null when the ref was deleted. */
  readonly commit: string | null;
  /** The commit's subject line. */
  readonly subject: string | null;
  /** All changed files; null when the provider does not list them, or not all of them. */
  readonly paths: readonly string[] | null;
  /** The time of the push in epoch seconds, if the provider sends it. Deliveries can arrive out of order. */
  readonly pushedAt: number | null;
  /** The URL of the source, if the payload contains it instead of the rule. */
  readonly sourceUrl: string | null;
}

/** The content of a delivery. */
export type Delivered =
  | { readonly kind: 'push'; readonly push: Push }
  /** The provider only tests the connection. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'other'; readonly event: string }
  /** Signed, but not in the provider's format. */
  | { readonly kind: 'unreadable'; readonly problem: string };

export const Ref = StorableText.max(deliveryLimits.refChars);

/** The provider's name of a repository. */
export const RepositoryName = StorableText.max(deliveryLimits.nameChars);

/** File paths of one commit or of the whole push. */
export const Paths = boundedList(z.string(), deliveryLimits.values);

/**
 * The first line of a commit message, for display: without control characters that a terminal would execute,
 * and of limited length.
 */
export function subjectOf(message: string): string | null {
  const line = message.split(/[\r\n]/, 1)[0] ?? '';
  const clean = line.replaceAll(CONTROL, ' ').toWellFormed().trim();
  return clean === '' ? null : cut(clean, deliveryLimits.subjectChars);
}

// oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Whether the ID is Git's null object ID, which means that no commit exists. */
export function isNoCommit(sha: string): boolean {
  return /^0+$/.test(sha);
}
