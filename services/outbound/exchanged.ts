import type { Health } from './circuit-breaker.ts';
import type { OutboundResult } from './contract.ts';

/** The result of one request, and the state of the provider that it shows. */
export interface Exchanged {
  readonly result: OutboundResult | Redirected;
  readonly health: Health;
  /** The cause of a failure, for the log only. */
  readonly cause?: string;
}

export interface Redirected {
  readonly kind: 'redirected';
  readonly status: number;
  readonly location: string | null;
}
