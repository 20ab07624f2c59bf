import { boundedText } from '../../core/releases/diagnostic.ts';
import type { OutboundAnswer } from './contract.ts';

type Refused = Extract<OutboundAnswer, { kind: 'refused' }>;
type Forbidden = Extract<OutboundAnswer, { kind: 'forbidden' }>;
type Later = Extract<OutboundAnswer, { kind: 'later' }>;

/** Of a URL only the host is ever told: paths and queries of callbacks and webhooks are secrets as often as not. */
export function refused(url: URL | null, status: number | null, what: string): Refused {
  return { kind: 'refused', status, summary: summary(url, what) };
}

/** Says nothing of the address: it would tell how names resolve where nobody may look. */
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
