import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { hookSettingLimits } from '@pointsman/protocol/limits';
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
  /** All changed files. Null when the provider lists none of them, or only some. */
  readonly paths: readonly string[] | null;
  /**
   * The time of the push in epoch seconds; null if the provider does not send it. It is needed because deliveries can
   * arrive out of order.
   */
  readonly pushedAt: number | null;
  /** The URL of the source, if the payload contains it. Otherwise the URL follows from the hook's rule. */
  readonly sourceUrl: string | null;
}

/** The parsed content of a delivery. */
export type Delivered =
  | { readonly kind: 'push'; readonly push: Push }
  /** A test of the connection by the provider. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'other'; readonly event: string }
  /** The delivery has a valid signature, but does not match the provider's format. */
  | { readonly kind: 'unreadable'; readonly problem: string };

export const Ref = StorableText.max(deliveryLimits.refChars);

/** The name of a repository in the provider's notation. */
export const RepositoryName = StorableText.max(hookSettingLimits.nameChars);

/** The file paths of one commit, or of the whole push. */
export const Paths = boundedList(z.string(), deliveryLimits.values);

/**
 * The first line of a commit message, for display. Control characters are removed because a terminal would execute
 * them, and the length is limited.
 */
export function subjectOf(message: string): string | null {
  const line = message.split(/[\r\n]/, 1)[0] ?? '';
  const clean = line.replaceAll(CONTROL, ' ').toWellFormed().trim();
  return clean === '' ? null : cut(clean, deliveryLimits.subjectChars);
}

// oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Whether the ID is Git's null object ID, which means that there is no commit. */
export function isNoCommit(sha: string): boolean {
  return /^0+$/.test(sha);
}
