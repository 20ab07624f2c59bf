import type { IncomingMessage } from 'node:http';

/** The reason why a request is refused before it is routed. */
export interface HeadProblem {
  readonly detail: string;
  readonly status: number;
}

type Head = Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'rawHeaders' | 'headers'>;

/**
 * Returns the reason why the head of a request is refused, or null if the head is unambiguous. All later code relies on
 * this check: the head determines where the message ends, the URL and the Host are valid, and there is at most one
 * Authorization header.
 */
export function headProblem(head: Head): HeadProblem | null {
  return (
    versionProblem(head) ??
    namesProblem(head) ??
    addressProblem(head) ??
    framingProblem(head) ??
    expectationProblem(head)
  );
}

/**
 * Node's parser also accepts HTTP/0.9 and HTTP/2.0, whose messages have a different format. They get 400 instead of the
 * 505 in RFC 9110, and an unknown transfer coding gets 400 instead of 501. A sender must not cause responses that
 * monitoring counts as server failures.
 */
function versionProblem({ httpVersion }: Head): HeadProblem | null {
  if (httpVersion === '1.1' || httpVersion === '1.0') return null;
  return malformed('Send HTTP/1.1.');
}

/**
 * The request must have one Host header that is a valid authority (RFC 9112, section 3.2). A header with a single value
 * must not occur twice (RFC 9110, section 5.3): Node keeps the first, the web `Headers` class joins both, and a proxy
 * may keep the last.
 */
function namesProblem({ rawHeaders, headers }: Head): HeadProblem | null {
  let hosts = 0;
  let authorizations = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    // Compare the length first, because this code runs for every request.
    if (name.length === HOST.length && name.toLowerCase() === HOST) hosts++;
    else if (name.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION) authorizations++;
  }
  if (authorizations > 1) return malformed('The request has more than one Authorization header.');
  if (hosts === 1 && isAuthority(headers.host ?? '')) return null;
  return malformed('The request must have exactly one Host header, with a host and an optional port.');
}

/** A URL in absolute form must have a valid authority without user information (RFC 9110, section 4.2.4). */
function addressProblem({ url = '' }: Head): HeadProblem | null {
  if (url.startsWith('/') || isAuthority(ABSOLUTE.exec(url)?.[1] ?? '')) return null;
  return malformed(
    'The request target must begin with "/", or with "http://" or "https://", a host and an optional port.',
  );
}

/** Every other parser of the same bytes must find the same end of the message (RFC 9112, section 6.1). */
function framingProblem({ httpVersion, headers }: Head): HeadProblem | null {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return null;
  if (httpVersion !== '1.1') return malformed('HTTP/1.0 does not support Transfer-Encoding.');
  if (coding.toLowerCase() === 'chunked') return null;
  return malformed('The Transfer-Encoding must be exactly "chunked".');
}

/**
 * Only `100-continue` is supported (RFC 9110, section 10.1.1). HTTP/1.0 requests may not have expectations, so the
 * header is ignored there.
 */
function expectationProblem({ httpVersion, headers: { expect } }: Head): HeadProblem | null {
  if (expect === undefined || httpVersion !== '1.1' || expect.toLowerCase() === '100-continue') return null;
  return { status: 417, detail: 'The only supported value of the Expect header is "100-continue".' };
}

function malformed(detail: string): HeadProblem {
  return { status: 400, detail };
}

const HOST = 'host';
const AUTHORIZATION = 'authorization';
const ABSOLUTE = /^https?:\/\/([^/?#]*)/;

/** The last Host that was found valid. Nearly all requests have the same Host, and parsing takes a microsecond. */
let lastValid = '';

function isAuthority(host: string): boolean {
  if (host === lastValid) return host !== '';
  // The host must be unchanged after parsing. It changes if the text contains a user, a path or an unusual spelling of
  // an address.
  const isValid =
    URL.canParse(`http://${host}`) &&
    new URL(`http://${host}`).hostname === host.replace(/:\d+$/, '').toLowerCase();
  if (isValid) lastValid = host;
  return isValid;
}
