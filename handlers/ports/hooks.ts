import { z } from 'zod';

import type { DeliveryName, Origin } from '@pointsman/protocol/hook';
import { type ConflictRule, Outcome } from '@pointsman/protocol/releases/release';
import type { HookDeliveryResult } from '../contract/hooks.ts';

/**
 * The ports for hook deliveries and commit statuses. The rules for all ports at the top of ports/deps.ts
 * apply.
 */

/** A fetched source, and the options with which it must be published. */
export interface FetchedSource {
  readonly kind: 'fetched';
  readonly source: string;
  readonly bundle: string;
  readonly channel: string;
  readonly createChannel: boolean;
  readonly onConflict: ConflictRule;
  /** The subject line of the commit. */
  readonly message: string | null;
  readonly origin: Origin;
}

export type Fetched =
  | FetchedSource
  /** The Git provider or a rule of Pointsman rejects the source. Another fetch would fail in the same way. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The source is not available. Another fetch would fail in the same way. */
  | { readonly kind: 'failed'; readonly reason: string }
  /**
   * The provider is unreachable, or the result of the fetch is unknown. The caller must retry, after
   * `retryAfterMs` if that is set.
   */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /**
   * The worker already runs the maximum number of fetches. The caller must retry soon, and this retry does
   * not count as an attempt.
   */
  | { readonly kind: 'busy' }
  /** The delivery has already ended, with this result. */
  | { readonly kind: 'ended'; readonly result: HookDeliveryResult };

export interface Deliveries {
  /**
   * Makes one attempt to fetch a source: reads the commit to fetch from the database, fetches it, and stores
   * the source. No reader can see a stored source before it is published.
   */
  fetch(name: DeliveryName, at: number): Promise<Fetched>;
  /**
   * Ends a delivery without a release, and marks a commit status with the reason as due. A delivery that has
   * already ended does not change.
   */
  end(name: DeliveryName, how: 'refused' | 'failed', reason: string, at: number): Promise<HookDeliveryResult>;
}

/** The next commit status to send. */
export const NextReport = z.object({ kind: z.enum(['pending', 'final']), outcome: Outcome.nullable() });
export type NextReport = z.infer<typeof NextReport>;

/** The result of one attempt to send a commit status. */
export type ReportResult =
  | { readonly kind: 'posted'; readonly detail: string }
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Reports {
  /**
   * Returns the next commit status to send, or null if no status is due. Omits a status that a later one has
   * replaced.
   */
  next(name: DeliveryName, at: number): Promise<NextReport | null>;
  /**
   * Makes one attempt to send a status. If the response is lost, the provider may have received the status,
   * and the next attempt sends it again.
   */
  send(name: DeliveryName, report: NextReport): Promise<ReportResult>;
  /**
   * Records the result in the delivery's row and in the effect ledger of the release. A repeated call has no
   * effect.
   */
  record(
    name: DeliveryName,
    report: NextReport,
    how: { readonly state: 'done' | 'failed'; readonly detail: string; readonly at: number },
  ): Promise<void>;
}
