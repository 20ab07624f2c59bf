import type { IncomingMessage } from 'node:http';

/** The reason why a request is refused before it is routed, and the status of the response. */
export interface HeadProblem {
  readonly detail: string;
  readonly status: number;
}

type Head = Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'rawHeaders' | 'headers'>;

/**
 * Returns null if the head of a request is valid and unambiguous, otherwise the reason for refusing the request. All later code relies on
 * this check. It guarantees that the end of the message is unambiguous, and that the URL and the Host are valid. It also guarantees that
 * there is at most one Authorization header.
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
 * Node's parser also accepts HTTP/0.9 and HTTP/2.0, whose message formats differ. Such a request gets 400, although RFC 9110 defines 505
 * for it. Likewise, an unknown transfer coding gets 400 instead of 501. Otherwise clients could cause 5xx responses, which monitoring
 * counts as server failures.
 */
function versionProblem({ httpVersion }: Head): HeadProblem | null {
  if (httpVersion === '1.1' || httpVersion === '1.0') return null;
  return malformed('Send HTTP/1.1.');
}

/**
 * The request must have exactly one Host header, and its value must be a valid authority (RFC 9112, section 3.2). A header with a single
 * value must not occur twice (RFC 9110, section 5.3). Otherwise different programs would use different values: Node keeps the first, the
 * web `Headers` class joins both, and a proxy may keep the last.
 */
function namesProblem({ rawHeaders, headers }: Head): HeadProblem | null {
  let hosts = 0;
  let authorizations = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    // Compare the length first, which is faster, because this code runs for every header of every request.
    if (name.length === HOST.length && name.toLowerCase() === HOST) hosts++;
    else if (name.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION) authorizations++;
  }
  if (authorizations > 1) return malformed('The request has more than one Authorization header.');
  if (hosts === 1 && isAuthority(headers.host ?? '')) return null;
  return malformed('The request must have exactly one Host header, with a host and an optional port.');
}

/** A request URL in absolute form must have a valid authority without a user name or password (RFC 9110, section 4.2.4). */
function addressProblem({ url = '' }: Head): HeadProblem | null {
  if (url.startsWith('/') || isAuthority(ABSOLUTE.exec(url)?.[1] ?? '')) return null;
  return malformed(
    'The request target must begin with "/", or with "http://" or "https://", a host and an optional port.',
  );
}

/**
 * Refuses every Transfer-Encoding that another program, such as a proxy, may interpret differently (RFC 9112, section 6.1). Otherwise the
 * two programs could disagree on where the message ends.
 */
function framingProblem({ httpVersion, headers }: Head): HeadProblem | null {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return null;
  if (httpVersion !== '1.1') return malformed('HTTP/1.0 does not support Transfer-Encoding.');
  if (coding.toLowerCase() === 'chunked') return null;
  return malformed('The Transfer-Encoding must be exactly "chunked".');
}

/**
 * The only supported expectation is `100-continue` (RFC 9110, section 10.1.1). HTTP/1.0 requests cannot have expectations, so the header is
 * ignored in them.
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

/**
 * The last Host header that was found valid. It is cached because nearly all requests have the same Host, and parsing takes a microsecond.
 */
let lastValid = '';

function isAuthority(host: string): boolean {
  if (host === lastValid) return host !== '';
  // Parsing leaves a valid host unchanged. It changes text that contains a user name, a path or an unusual spelling of an address.
  const isValid =
    URL.canParse(`http://${host}`) &&
    new URL(`http://${host}`).hostname === host.replace(/:\d+$/, '').toLowerCase();
  if (isValid) lastValid = host;
  return isValid;
}
