import type { IncomingMessage } from 'node:http';

/** Why a request is refused before it is routed. */
export interface HeadProblem {
  readonly detail: string;
  readonly status: number;
}

type Head = Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'rawHeaders' | 'headers'>;

/**
 * Why the head of a request is refused; null when it has one interpretation only. All later code relies on it: the head determines where the
 * message ends, the address and the Host are valid, and there is at most one Authorization header.
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
 * The parser also takes HTTP/0.9 and HTTP/2.0, whose messages have another form. Like an unknown transfer coding below this gets 400, and not
 * the 505 or 501 from RFC 9110: a sender must not cause responses that monitoring counts as failures of the server.
 */
function versionProblem({ httpVersion }: Head): HeadProblem | null {
  if (httpVersion === '1.1' || httpVersion === '1.0') return null;
  return malformed('Send HTTP/1.1.');
}

/**
 * The Host is one valid authority (RFC 9112, section 3.2). A header that stands for one value must not be there twice (RFC 9110, section
 * 5.3): Node keeps the first, web headers join both, and a proxy may keep the last.
 */
function namesProblem({ rawHeaders, headers }: Head): HeadProblem | null {
  let hosts = 0;
  let authorizations = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    // By length first: this runs for every request.
    if (name.length === HOST.length && name.toLowerCase() === HOST) hosts++;
    else if (name.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION) authorizations++;
  }
  if (authorizations > 1) return malformed('The Authorization header is there twice.');
  if (hosts === 1 && isAuthority(headers.host ?? '')) return null;
  return malformed('The request needs one Host header, with a host and perhaps a port.');
}

/** An address in absolute form has a valid authority too, without a user (RFC 9110, section 4.2.4). */
function addressProblem({ url = '' }: Head): HeadProblem | null {
  if (url.startsWith('/') || isAuthority(ABSOLUTE.exec(url)?.[1] ?? '')) return null;
  return malformed(
    'The address must begin with "/", or with "http://" or "https://", a host and perhaps a port.',
  );
}

/** A second reader of the same bytes must find the same end of the message (RFC 9112, section 6.1). */
function framingProblem({ httpVersion, headers }: Head): HeadProblem | null {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return null;
  if (httpVersion !== '1.1') return malformed('HTTP/1.0 has no Transfer-Encoding.');
  if (coding.toLowerCase() === 'chunked') return null;
  return malformed('The Transfer-Encoding must be "chunked" alone.');
}

/** RFC 9110, section 10.1.1. An expectation in HTTP/1.0 is ignored. */
function expectationProblem({ httpVersion, headers: { expect } }: Head): HeadProblem | null {
  if (expect === undefined || httpVersion !== '1.1' || expect.toLowerCase() === '100-continue') return null;
  return { status: 417, detail: 'The Expect header allows only "100-continue", once.' };
}

function malformed(detail: string): HeadProblem {
  return { status: 400, detail };
}

const HOST = 'host';
const AUTHORIZATION = 'authorization';
const ABSOLUTE = /^https?:\/\/([^/?#]*)/;

/** The Host that was found valid last. Nearly all requests have the same one, and parsing takes a microsecond. */
let lastValid = '';

function isAuthority(host: string): boolean {
  if (host === lastValid) return host !== '';
  // It must be the same host after parsing: with a user, a path or an address in another spelling in it, it would be another one.
  const isValid =
    URL.canParse(`http://${host}`) &&
    new URL(`http://${host}`).hostname === host.replace(/:\d+$/, '').toLowerCase();
  if (isValid) lastValid = host;
  return isValid;
}
