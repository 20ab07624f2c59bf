export interface OutboundRequest {
  /** The URL, with the scheme http or https, and without a user or a password. */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  /**
   * The request headers. If a redirect leads to another origin, headers such as authorization, signatures and keys
   * are removed.
   */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  /** The value of the header `Idempotency-Key`. It must be the same for all attempts to cause the same effect. */
  readonly idempotencyKey: string;
  /**
   * The correlation ID of the release or the move. It begins with the tenant's name. It is sent as
   * `Pointsman-Correlation-Id`, and logged.
   */
  readonly correlationId: string;
  /**
   * The time limit of the whole call in milliseconds. It includes the name resolution, the connection, all redirects,
   * and the response body.
   */
  readonly timeoutMs: number;
  /** The maximum size of the response body in bytes. It applies both to the compressed and to the decompressed size. */
  readonly maxBytes: number;
  /** The maximum number of redirects that are followed. With 0, a redirect is a refusal. */
  readonly maxRedirects: number;
}

export type OutboundHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The result of one attempt. The summary contains no secrets, only the host of the URL and the reason, so it may be
 * shown to the tenant.
 */
export type OutboundResult =
  | {
      /** The server responded with a 2xx status. */
      readonly kind: 'answered';
      readonly status: number;
      /**
       * The response headers by lower-case name. Headers that describe the encoding of the body are removed, because
       * the body is already decoded.
       */
      readonly headers: OutboundHeaders;
      readonly body: Buffer;
    }
  /**
   * The call failed permanently; a retry would fail in the same way. The server responded with a status that is
   * neither 2xx nor temporary, its response body was too large, or there were too many redirects. Or the URL or the
   * server's certificate is invalid.
   */
  | {
      readonly kind: 'refused';
      readonly status: number | null;
      readonly summary: string;
      /**
       * True if the response body was larger than `maxBytes`. The caller can then name its own limit in the error
       * message.
       */
      readonly tooLarge?: true;
    }
  /**
   * The address check refused the server's address, so nothing was sent to it. This may happen after a redirect, or
   * when the name resolves to a new address.
   */
  | { readonly kind: 'forbidden'; readonly summary: string }
  /**
   * The call failed temporarily: the server responded with 408, 425, 429 or 5xx, the call timed out, the connection
   * was lost, or the circuit breaker is open. The call may have had its effect.
   */
  | {
      readonly kind: 'later';
      /** The status of the response. It is null if there was no response. */
      readonly status: number | null;
      readonly retryAfterMs: number | null;
      readonly summary: string;
    };

/** The client for HTTP calls to external servers. A call is a single attempt, and is retried only by the caller. */
export interface Outbound {
  /**
   * Makes one attempt. The promise always resolves, whatever the server, the network or the values of the request
   * cause.
   */
  call(request: OutboundRequest): Promise<OutboundResult>;
  /**
   * Waits for running calls, and aborts them after `outboundLimits.drainMs`. Aborted calls, and later calls, resolve
   * to `later`.
   */
  close(): Promise<void>;
}
