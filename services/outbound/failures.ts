import { forbidden, later, refused } from './results.ts';
import { ForbiddenAddressError } from './checked-connector.ts';
import type { Exchanged } from './exchanged.ts';

/**
 * The abort reason of a signal when the call's time limit expires. With any other reason, the call was aborted
 * because the process is stopping.
 */
export class CallTimeoutError extends Error {
  override name = 'CallTimeoutError';
}

/**
 * Converts an error of a request to a result. An error without a known cause becomes `later`. A retry is then safe
 * even if the server has processed the request, because the retry has the same idempotency key. Errors that a bug in
 * Pointsman's code causes are rethrown.
 */
export function failureOf(error: unknown, url: URL, signal: AbortSignal): Exchanged {
  if (signal.aborted) {
    return signal.reason instanceof CallTimeoutError
      ? { result: later(url, 'no complete response in time'), health: 'failing', cause: 'timeout' }
      : { result: later(url, 'the call was aborted'), health: 'unknown', cause: 'stopping' };
  }
  if (error instanceof ForbiddenAddressError) {
    return { result: forbidden(url), health: 'unknown', cause: error.address };
  }
  if (!(error instanceof Error) || OWN_ERRORS.some((mistake) => error instanceof mistake)) throw error;
  // Some errors have no code, for example the error for a response that is not HTTP. The name of the error is used
  // instead.
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  if (CERTIFICATE.test(code)) {
    return {
      result: refused(url, null, `its certificate is not valid (${code})`),
      health: 'unknown',
      cause: code,
    };
  }
  const final = PERMANENT[code];
  if (final !== undefined) return { result: refused(url, null, final), health: 'unknown', cause: code };
  return { result: later(url, TEMPORARY[code] ?? 'the connection was lost'), health: 'failing', cause: code };
}

/** Classes of errors that only a bug in Pointsman's code causes, never the network or a server. */
const OWN_ERRORS = [TypeError, ReferenceError, SyntaxError];

/** Matches OpenSSL's codes for certificate errors, and Node's code for a certificate with a different host name. */
const CERTIFICATE =
  /^(?:CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|ERROR_IN_C|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_|HOSTNAME_MISMATCH)/;

/** The codes of permanent errors, with their descriptions. A retry would fail in the same way. */
const PERMANENT: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not use TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it supports no secure TLS version',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it supports no secure TLS version',
  UND_ERR_HEADERS_OVERFLOW: 'its response headers are too large',
  HPE_HEADER_OVERFLOW: 'its response headers are too large',
  UND_ERR_INVALID_ARG: 'the request contains characters that HTTP does not allow',
};

/**
 * The codes of temporary errors, with their descriptions. ENOTFOUND is temporary, because resolvers often report it
 * when a name server has failed.
 */
const TEMPORARY: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name could not be resolved',
  EAI_AGAIN: 'its name could not be resolved',
  ECONNREFUSED: 'it refused the connection',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  HTTPParserError: 'its response is not HTTP',
  UND_ERR_BODY_TIMEOUT: 'it stopped sending in the middle of its response',
};
