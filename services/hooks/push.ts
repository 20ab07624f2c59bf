import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { hookSettingLimits } from '@pointsman/protocol/limits';
import { cut } from '@pointsman/protocol/text/cut';
import { StorableText } from '@pointsman/protocol/json/storable';
import { deliveryLimits } from './limits.ts';

/** The data of a push that Pointsman uses. */
export interface Push {
  readonly repository: string;
  readonly ref: string;
  /** The new commit of the ref. It is null if the push deleted the ref. */
  readonly commit: string | null;
  /** The first line of the commit message. */
  readonly subject: string | null;
  /** The paths of all changed files. It is null if the provider does not list all of them. */
  readonly paths: readonly string[] | null;
  /**
   * The time of the push in epoch seconds. It is null if the provider does not send it. The order of pushes depends
   * on it, because deliveries can arrive out of order.
   */
  readonly pushedAt: number | null;
  /**
   * The URL of the source. It is null if the payload does not contain it; the provider's API then provides the
   * source.
   */
  readonly sourceUrl: string | null;
}

/** The parsed payload of a delivery. */
export type Delivered =
  | { readonly kind: 'push'; readonly push: Push }
  /** A request with which the provider only tests the connection. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'other'; readonly event: string }
  /** The delivery has a valid signature, but its payload does not have the provider's format. */
  | { readonly kind: 'unreadable'; readonly problem: string };

export const Ref = StorableText.max(deliveryLimits.refChars);

/** The name of a repository in the provider's notation. */
export const RepositoryName = StorableText.max(hookSettingLimits.nameChars);

/** The paths of the files that one commit or the whole push changes. */
export const Paths = boundedList(z.string(), deliveryLimits.values);

/**
 * Returns the first line of a commit message for display. Control characters are removed, because a terminal would
 * interpret them. Long lines are cut.
 */
export function subjectOf(message: string): string | null {
  const line = message.split(/[\r\n]/, 1)[0] ?? '';
  const clean = line.replaceAll(CONTROL, ' ').toWellFormed().trim();
  return clean === '' ? null : cut(clean, deliveryLimits.subjectChars);
}

// oxlint-disable-next-line no-control-regex -- the expression finds the control characters to remove
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Whether the ID is Git's null object ID, which stands for a missing commit. */
export function isNoCommit(sha: string): boolean {
  return /^0+$/.test(sha);
}
