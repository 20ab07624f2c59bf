import type { IncomingMessage } from 'node:http';

/**
 * Why the head of a request is refused before anything is made of it; null when it may be read. Whatever answers a request later can rely
 * on it: the Host is one valid authority (RFC 9112, section 3.2), and there is at most one Authorization. A header that stands for one
 * value must not be there twice (RFC 9110, section 5.3): Node keeps the first, web headers join both, and a proxy may keep the last.
 */
export function headProblem({
  rawHeaders,
  headers,
}: Pick<IncomingMessage, 'rawHeaders' | 'headers'>): string | null {
  let hosts = 0;
  let authorizations = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    // By length first: this runs for every request.
    if (name.length === HOST.length && name.toLowerCase() === HOST) hosts++;
    else if (name.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION) authorizations++;
  }
  if (authorizations > 1) return 'The Authorization header is there twice.';
  if (hosts === 1 && isAuthority(headers.host ?? '')) return null;
  return 'The request needs one Host header, with a host and perhaps a port.';
}

const HOST = 'host';
const AUTHORIZATION = 'authorization';

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
