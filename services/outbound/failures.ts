import { forbidden, later, refused } from './results.ts';
import { ForbiddenAddressError } from './checked-connector.ts';
import type { Exchanged } from './exchanged.ts';

/** The reason of a signal that the call's time limit aborted. Any other reason means that the process is stopping. */
export class CallTimeoutError extends Error {
  override name = 'CallTimeoutError';
}

/**
 * Converts an error of an exchange to a result. If the cause is unclear, the result is `later`: the server may have
 * processed the request, and another attempt with the same idempotency key is safe. Errors in Pointsman's own code are
 * rethrown.
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
  // Some errors have no code, such as the error for a response that is not HTTP.
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

/** Errors in Pointsman's own code. A network or a server never causes them. */
const OWN_ERRORS = [TypeError, ReferenceError, SyntaxError];

/** OpenSSL's codes for certificate errors, and Node's code for a name mismatch. */
const CERTIFICATE =
  /^(?:CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|ERROR_IN_C|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_|HOSTNAME_MISMATCH)/;

/** Permanent errors. Another attempt would have the same result. */
const PERMANENT: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not use TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it supports no secure TLS version',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it supports no secure TLS version',
  UND_ERR_HEADERS_OVERFLOW: 'its response headers are too large',
  HPE_HEADER_OVERFLOW: 'its response headers are too large',
  UND_ERR_INVALID_ARG: 'the request contains characters that HTTP does not allow',
};

/** Temporary errors. A missing name is one of them, because resolvers often report a failed name server in this way. */
const TEMPORARY: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name could not be resolved',
  EAI_AGAIN: 'its name could not be resolved',
  ECONNREFUSED: 'it refused the connection',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  HTTPParserError: 'its response is not HTTP',
  UND_ERR_BODY_TIMEOUT: 'it stopped sending in the middle of its response',
};
