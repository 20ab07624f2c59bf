import packageJson from '../../package.json' with { type: 'json' };
import { outboundLimits } from './limits.ts';
import type { OutboundRequest } from './contract.ts';

/**
 * One request of a call, which is either the first request or the request after a redirect. Header names are
 * lower-case.
 */
export interface Hop {
  readonly url: URL;
  readonly method: OutboundRequest['method'];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** The next request of a call. If it is not allowed, `problem` is the reason. */
type Next = { readonly hop: Hop } | { readonly problem: string };

export function firstHop(request: OutboundRequest): Next {
  const target = parseTarget(request.url);
  if ('problem' in target) return target;
  const own = Object.entries(request.headers ?? {})
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !RESERVED_HEADERS.has(name));
  const headers = {
    ...Object.fromEntries(own),
    'user-agent': `pointsman/${packageJson.version}`,
    // Only gzip is accepted, so that only one decoder is needed.
    'accept-encoding': 'gzip',
    'idempotency-key': request.idempotencyKey,
    'pointsman-correlation-id': request.correlationId,
  };
  return { hop: { url: target.url, method: request.method, headers, body: request.body ?? null } };
}

export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Builds the request after a redirect (RFC 9110, section 15.4).
 *
 * A 301 or 302 response to a POST is not followed. Repeating the POST could cause its effect twice. Sending a GET, as
 * browsers do, would appear successful but have no effect.
 *
 * If the redirect leads to another origin, headers that are meant for the first origin are removed. They stay removed
 * if a later redirect leads back to the first origin, because the other origin has chosen that URL.
 */
export function nextHop(from: Hop, status: number, location: string | null): Next {
  if (location === null) return { problem: 'without a Location header' };
  if (from.method === 'POST' && (status === 301 || status === 302)) {
    return { problem: 'which would turn the POST into another request' };
  }
  const target = parseTarget(location, from.url);
  if ('problem' in target) return { problem: `to a URL that ${target.problem}` };
  const { url } = target;
  if (from.url.protocol === 'https:' && url.protocol === 'http:') {
    return { problem: 'from https to http' };
  }
  const headers = url.origin === from.url.origin ? from.headers : only(from.headers, CROSS_ORIGIN_HEADERS);
  if (status !== 303) return { hop: { ...from, url, headers } };
  return { hop: { url, method: 'GET', headers: without(headers, BODY_HEADERS), body: null } };
}

function parseTarget(text: string, base?: URL): { readonly url: URL } | { readonly problem: string } {
  if (text.length > outboundLimits.urlChars) return { problem: 'is too long' };
  const url = URL.parse(text, base?.href);
  if (url === null) return { problem: 'cannot be parsed' };
  if (url.hostname.length > outboundLimits.hostChars) return { problem: 'is too long' };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { problem: 'is neither http nor https' };
  if (url.username !== '' || url.password !== '') return { problem: 'contains a user or a password' };
  return { url };
}

/**
 * Headers that the caller must not set, because they delimit the request or select its recipient. Their values are
 * derived from the URL and the body. A second, different value would make request smuggling possible.
 */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
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

/**
 * The headers that are sent to another origin after a redirect. A list of headers to remove would never be complete,
 * because each provider has its own header for keys.
 */
const CROSS_ORIGIN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'content-type',
  'idempotency-key',
  'pointsman-correlation-id',
  'traceparent',
  'user-agent',
]);

const BODY_HEADERS: ReadonlySet<string> = new Set(['content-type', 'content-language', 'content-encoding']);

type Headers = Hop['headers'];

function only(headers: Headers, names: ReadonlySet<string>): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.has(name)));
}

function without(headers: Headers, names: ReadonlySet<string>): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name)));
}
