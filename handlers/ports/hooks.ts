import type { DeliveryName, Origin } from '../../core/hook.ts';
import type { ConflictRule, Outcome } from '../../core/releases/release.ts';
import type { HookDeliveryResult } from '../contract/hooks.ts';

/** What the handlers need for deliveries and for telling their commits, as small interfaces: see deps.ts. */

/** A source that is stored, and what to publish it as. */
export interface FetchedSource {
  readonly kind: 'fetched';
  readonly source: string;
  readonly bundle: string;
  readonly channel: string;
  readonly createChannel: boolean;
  readonly onConflict: ConflictRule;
  /** The commit's subject. */
  readonly message: string | null;
  readonly origin: Origin;
}

export type Fetched =
  | FetchedSource
  /** Somebody or some rule says no: no fetch would end otherwise. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It can't be had, and no fetch would end otherwise. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The provider is away, or nobody knows: try again, after that time if one is given. */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /** Other fetches are under way: try again soon, as often as it takes. */
  | { readonly kind: 'busy' }
  /** It has its last word. */
  | { readonly kind: 'ended'; readonly verdict: HookDeliveryResult };

export interface Deliveries {
  /** One attempt: asks the record what to fetch, fetches it, and stores the source. Nobody sees what was fetched in vain. */
  fetch(name: DeliveryName, at: number): Promise<Fetched>;
  /** Without a release. Its commit is told why. One that has ended stays as it has. */
  end(name: DeliveryName, how: 'refused' | 'failed', reason: string, at: number): Promise<HookDeliveryResult>;
}

/** What a commit is to be told next. */
export interface NextReport {
  readonly kind: 'pending' | 'final';
  readonly outcome: Outcome | null;
}

/** What became of one try to tell it. */
export type Told =
  | { readonly kind: 'told'; readonly detail: string }
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Reports {
  /** Null when there is nothing left to tell. What a later word speaks for is never told. */
  next(name: DeliveryName, at: number): Promise<NextReport | null>;
  /** One try. The provider may have heard it although nobody knows; the same is said again then. */
  tell(name: DeliveryName, report: NextReport): Promise<Told>;
  /** Writes down how it went, here and in the release's ledger. Written once. */
  record(
    name: DeliveryName,
    report: NextReport,
    how: { readonly state: 'done' | 'failed'; readonly detail: string; readonly at: number },
  ): Promise<void>;
}
