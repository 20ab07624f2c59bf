import packageJson from '../../package.json' with { type: 'json' };
import { outboundLimits } from './limits.ts';
import type { OutboundRequest } from './contract.ts';

/** One request of a call: the first, or one that a redirect led to. Names of headers are lower-case. */
export interface Hop {
  readonly url: URL;
  readonly method: OutboundRequest['method'];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** A hop, or why there is none. */
type Next = { readonly hop: Hop } | { readonly problem: string };

export function firstHop(request: OutboundRequest): Next {
  const target = parseTarget(request.url);
  if ('problem' in target) return target;
  const own = Object.entries(request.headers ?? {})
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !NOT_FOR_CALLERS.has(name));
  const headers = {
    ...Object.fromEntries(own),
    'user-agent': `pointsman/${packageJson.version}`,
    // The one coding that is understood, so that there is one way to decode.
    'accept-encoding': 'gzip',
    'idempotency-key': request.idempotencyKey,
    'pointsman-correlation-id': request.correlationId,
  };
  return { hop: { url: target.url, method: request.method, headers, body: request.body ?? null } };
}

export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Where a redirect leads (RFC 9110, section 15.4). A POST that is answered 301 or 302 goes nowhere: sent again, it might be done twice;
 * sent as a GET, as browsers do, it would be lost and look done. What belongs to one origin is not told to another, nor again to the
 * first one when it is led back there, since by then the other one chooses the path.
 */
export function nextHop(from: Hop, status: number, location: string | null): Next {
  if (location === null) return { problem: 'without saying where to' };
  if (from.method === 'POST' && (status === 301 || status === 302)) {
    return { problem: 'which would turn the POST into another request' };
  }
  const target = parseTarget(location, from.url);
  if ('problem' in target) return { problem: `to a URL that ${target.problem}` };
  const { url } = target;
  if (from.url.protocol === 'https:' && url.protocol === 'http:') {
    return { problem: 'from https to http' };
  }
  const headers = url.origin === from.url.origin ? from.headers : only(from.headers, FOR_ANYBODY);
  if (status !== 303) return { hop: { ...from, url, headers } };
  return { hop: { url, method: 'GET', headers: without(headers, OF_THE_BODY), body: null } };
}

function parseTarget(text: string, base?: URL): { readonly url: URL } | { readonly problem: string } {
  if (text.length > outboundLimits.urlChars) return { problem: 'is too long' };
  const url = URL.parse(text, base?.href);
  if (url === null) return { problem: 'can not be read' };
  if (url.hostname.length > outboundLimits.hostChars) return { problem: 'is too long' };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { problem: 'is neither http nor https' };
  if (url.username !== '' || url.password !== '') return { problem: 'holds a user or a password' };
  return { url };
}

/** What frames the request or says whom it is for. It follows from the URL and the body, and a second opinion is how requests are smuggled. */
const NOT_FOR_CALLERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What another origin may be told. A list of what may not would miss the next provider's name for a key. */
const FOR_ANYBODY: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'content-type',
  'idempotency-key',
  'pointsman-correlation-id',
  'traceparent',
  'user-agent',
]);

const OF_THE_BODY: ReadonlySet<string> = new Set(['content-type', 'content-language', 'content-encoding']);

type Headers = Hop['headers'];

function only(headers: Headers, names: ReadonlySet<string>): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.has(name)));
}

function without(headers: Headers, names: ReadonlySet<string>): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name)));
}
