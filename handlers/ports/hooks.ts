import { z } from 'zod';

import type { DeliveryName, Origin } from '@pointsman/protocol/hook';
import { type ConflictRule, Outcome } from '@pointsman/protocol/releases/release';
import type { HookDeliveryResult } from '../contract/hooks.ts';

/** The ports for hook deliveries and commit statuses. The rules of ports/deps.ts apply here too. */

/** A stored source, and the parameters with which it is published. */
export interface FetchedSource {
  readonly kind: 'fetched';
  readonly source: string;
  readonly bundle: string;
  readonly channel: string;
  readonly createChannel: boolean;
  readonly onConflict: ConflictRule;
  /** The commit's subject line. */
  readonly message: string | null;
  readonly origin: Origin;
}

export type Fetched =
  | FetchedSource
  /** A rule or the provider rejects the delivery. Another fetch would fail in the same way. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The source is not available. Another fetch would fail in the same way. */
  | { readonly kind: 'failed'; readonly reason: string }
  /**
   * The provider is unreachable, or the outcome is unknown. The caller must retry, after `retryAfterMs` if it
   * is set.
   */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /**
   * The worker is busy with other fetches. The caller retries soon, and such a retry does not count as an
   * attempt.
   */
  | { readonly kind: 'busy' }
  /** The delivery has already ended. */
  | { readonly kind: 'ended'; readonly result: HookDeliveryResult };

export interface Deliveries {
  /**
   * Makes one attempt: reads from the database which commit to fetch, fetches it, and stores the source. A
   * stored source is invisible until it is published.
   */
  fetch(name: DeliveryName, at: number): Promise<Fetched>;
  /**
   * Ends a delivery without a release, and schedules a commit status with the reason. A delivery that has
   * already ended stays unchanged.
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
  /** Returns the next status to send, or null if none is due. Skips a status that a later one replaces. */
  next(name: DeliveryName, at: number): Promise<NextReport | null>;
  /**
   * Makes one attempt. If the response is lost, the provider may have received the status, and the same
   * status is sent again.
   */
  send(name: DeliveryName, report: NextReport): Promise<ReportResult>;
  /** Records the result with the delivery and in the release's ledger. A repeated call has no effect. */
  record(
    name: DeliveryName,
    report: NextReport,
    how: { readonly state: 'done' | 'failed'; readonly detail: string; readonly at: number },
  ): Promise<void>;
}
