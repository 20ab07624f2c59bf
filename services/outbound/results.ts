import { boundedText } from '@pointsman/protocol/releases/diagnostic';
import type { OutboundResult } from './contract.ts';

type Refused = Extract<OutboundResult, { kind: 'refused' }>;
type Forbidden = Extract<OutboundResult, { kind: 'forbidden' }>;
type Later = Extract<OutboundResult, { kind: 'later' }>;

/**
 * Creates the result of a call that failed permanently. Of the URL, the summary contains only the host, because paths
 * and queries often contain secrets.
 */
export function refused(url: URL | null, status: number | null, what: string): Refused {
  return { kind: 'refused', status, summary: summary(url, what) };
}

/**
 * Creates the result of a call whose address was refused. The summary does not contain the address, because it would
 * reveal how names resolve in a private network.
 */
export function forbidden(url: URL): Forbidden {
  return { kind: 'forbidden', summary: summary(url, 'calls to its address are not allowed') };
}

export function later(
  url: URL | null,
  what: string,
  { status = null, retryAfterMs = null }: Partial<Pick<Later, 'status' | 'retryAfterMs'>> = {},
): Later {
  return { kind: 'later', status, retryAfterMs, summary: summary(url, what) };
}

function summary(url: URL | null, what: string): string {
  return boundedText(url === null ? what : `${url.host}: ${what}`);
}
