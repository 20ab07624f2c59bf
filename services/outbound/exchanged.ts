import type { Health } from './circuit-breaker.ts';
import type { OutboundResult } from './contract.ts';

/** The result of one request, and what it shows about the health of the server. */
export interface Exchanged {
  readonly result: OutboundResult | Redirected;
  readonly health: Health;
  /** The cause of a failure. Use it only in the log. */
  readonly cause?: string;
}

export interface Redirected {
  readonly kind: 'redirected';
  readonly status: number;
  readonly location: string | null;
}
