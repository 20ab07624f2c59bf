import { forbidden, later, refused } from './answers.ts';
import { ForbiddenAddressError } from './checked-connector.ts';
import type { Exchanged } from './exchanged.ts';

/** Why a call's signal was aborted: its own time was over, or the process is stopping. */
export class CallTimeoutError extends Error {
  override name = 'CallTimeoutError';
}

/**
 * What an exchange that broke off means. When in doubt, `later`: the request may have arrived and been done, and an attempt under the same
 * idempotency key finds out. Throws what is no failure of the exchange but a mistake of ours.
 */
export function failureOf(error: unknown, url: URL, signal: AbortSignal): Exchanged {
  if (signal.aborted) {
    return signal.reason instanceof CallTimeoutError
      ? { result: later(url, 'no whole answer in time'), health: 'failing', cause: 'timeout' }
      : { result: later(url, 'the call was broken off'), health: 'unknown', cause: 'stopping' };
  }
  if (error instanceof ForbiddenAddressError) {
    return { result: forbidden(url), health: 'unknown', cause: error.address };
  }
  if (!(error instanceof Error) || OURS.some((mistake) => error instanceof mistake)) throw error;
  // Not every error has a code: that of an answer which is no HTTP, for one.
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  if (CERTIFICATE.test(code)) {
    return {
      result: refused(url, null, `its certificate is not valid (${code})`),
      health: 'unknown',
      cause: code,
    };
  }
  const final = FINAL[code];
  if (final !== undefined) return { result: refused(url, null, final), health: 'unknown', cause: code };
  return { result: later(url, PASSING[code] ?? 'the connection was lost'), health: 'failing', cause: code };
}

/** No failure of a network or a server is one of these. */
const OURS = [TypeError, ReferenceError, SyntaxError];

/** OpenSSL's words on a certificate, and Node's on the name in it. */
const CERTIFICATE =
  /^(?:CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|ERROR_IN_C|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_|HOSTNAME_MISMATCH)/;

/** The next attempt would be told the same. */
const FINAL: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks no version of TLS that is safe',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it speaks no version of TLS that is safe',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of its answer are too large',
  HPE_HEADER_OVERFLOW: 'the headers of its answer are too large',
  UND_ERR_INVALID_ARG: 'the request holds what a request can not carry',
};

/** A name that is not there may be a name server that is not: they often say so when they can't find out. */
const PASSING: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name could not be resolved',
  EAI_AGAIN: 'its name could not be resolved',
  ECONNREFUSED: 'it refused the connection',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  HTTPParserError: 'its answer is not HTTP',
  UND_ERR_BODY_TIMEOUT: 'it fell silent in the middle of its answer',
};
