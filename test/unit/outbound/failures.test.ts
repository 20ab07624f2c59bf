import { errors } from 'undici';
import { describe, expect, test } from 'vitest';
import { ForbiddenAddressError } from '../../../services/outbound/checked-connector.ts';
import { CallTimeoutError, failureOf } from '../../../services/outbound/failures.ts';

const url = new URL('https://ci.example:8443/path-secret?query-secret');
const running = new AbortController().signal;

describe('a failed outgoing call', () => {
  test.each([
    'ECONNRESET',
    'ECONNREFUSED',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EPROTO',
    'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
    'HPE_INVALID_CONSTANT',
    'UND_ERR_SOCKET',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
  ])(
    'with the error %s counts as a failure of the provider and has the result "later", because the server may have handled the call',
    (code) => {
      const { result, health, cause } = failureOf(coded(code), url, running);
      expect(result).toMatchObject({ kind: 'later', retryAfterMs: null });
      expect([health, cause]).toEqual(['failing', code]);
    },
  );

  test.each([
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'CERT_UNTRUSTED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'HOSTNAME_MISMATCH',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
  ])('with the certificate error %s is refused, because a retry would fail too', (code) => {
    expect(failureOf(coded(code), url, running)).toMatchObject({
      result: {
        kind: 'refused',
        status: null,
        summary: `ci.example:8443: its certificate is not valid (${code})`,
      },
      health: 'unknown',
    });
  });

  test.each([
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_UNSUPPORTED_PROTOCOL',
    'UND_ERR_HEADERS_OVERFLOW',
    'UND_ERR_INVALID_ARG',
  ])('with the error %s is refused, because a retry would fail too', (code) => {
    expect(failureOf(coded(code), url, running).result.kind).toBe('refused');
  });

  test('to a forbidden address has the result "forbidden", and only the log contains the address', () => {
    const { result, health, cause } = failureOf(new ForbiddenAddressError('10.1.2.3'), url, running);
    expect(result.kind).toBe('forbidden');
    expect(JSON.stringify(result)).not.toContain('10.1.2.3');
    expect([health, cause]).toEqual(['unknown', '10.1.2.3']);
  });

  test('without an error code counts as a failure of the called server', () => {
    const { result, cause } = failureOf(new errors.HTTPParserError('Expected HTTP/'), url, running);
    expect([result.kind, cause]).toEqual(['later', 'HTTPParserError']);
    expect(failureOf(new Error('anything'), url, running).result.kind).toBe('later');
  });

  test('that reaches its timeout counts as a failure of the provider, and one that the end of the process aborts does not', () => {
    const late = AbortSignal.abort(new CallTimeoutError());
    expect(failureOf(coded('ECONNRESET'), url, late)).toMatchObject({
      result: { kind: 'later' },
      health: 'failing',
    });
    const stopped = AbortSignal.abort();
    expect(failureOf(stopped.reason, url, stopped)).toMatchObject({
      result: { kind: 'later' },
      health: 'unknown',
    });
  });

  test('throws and is not retried when its cause is a defect in the product', () => {
    expect(() => failureOf(new ReferenceError('no such name'), url, running)).toThrow('no such name');
    const wrongType = Object.assign(new TypeError('wrong type'), { code: 'ERR_INVALID_ARG_TYPE' });
    expect(() => failureOf(wrongType, url, running)).toThrow('wrong type');
  });

  test('has a summary with the host of its URL, and without the path and the query', () => {
    for (const error of [
      coded('ECONNRESET'),
      coded('CERT_HAS_EXPIRED'),
      new ForbiddenAddressError('10.1.2.3'),
    ]) {
      const said = JSON.stringify(failureOf(error, url, running));
      expect(said).toContain('ci.example:8443: ');
      expect(said).not.toContain('secret');
    }
  });
});

function coded(code: string): Error {
  return Object.assign(new Error(`${code} at /home/pointsman/secret.ts`), { code });
}
