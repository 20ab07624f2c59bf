import { z } from 'zod';

import type { DeliveryName, Origin } from '@pointsman/protocol/hook';
import { type ConflictRule, Outcome } from '@pointsman/protocol/releases/release';
import type { HookDeliveryResult } from '../contract/hooks.ts';

/** Interfaces for hook deliveries and commit statuses. The rules of ports/deps.ts apply here too. */

/** A stored source, and how to publish it. */
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
  /** A rule or the provider rejects it. Another fetch would end in the same way. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The source is not available. Another fetch would end in the same way. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The provider is unreachable, or the outcome is unknown. Retry, after this time if it is given. */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /** Other fetches are running. Retry soon; such a retry does not count as an attempt. */
  | { readonly kind: 'busy' }
  /** The delivery has already ended. */
  | { readonly kind: 'ended'; readonly result: HookDeliveryResult };

export interface Deliveries {
  /**
   * One attempt: reads from the record what to fetch, fetches it, and stores the source. An unused source
   * stays invisible.
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

/** The result of one try to send a commit status. */
export type ReportResult =
  | { readonly kind: 'posted'; readonly detail: string }
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Reports {
  /** Null when no status is due. A status that a later one replaces is never sent. */
  next(name: DeliveryName, at: number): Promise<NextReport | null>;
  /**
   * One try. The provider may receive the status even if its response is lost; the same status is then sent
   * again.
   */
  send(name: DeliveryName, report: NextReport): Promise<ReportResult>;
  /** Records the result, here and in the release's ledger. Written once. */
  record(
    name: DeliveryName,
    report: NextReport,
    how: { readonly state: 'done' | 'failed'; readonly detail: string; readonly at: number },
  ): Promise<void>;
}
