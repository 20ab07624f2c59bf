export interface OutboundRequest {
  /** An http or https URL, without a user or a password. */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  /**
   * Headers that are meant for one origin (authorization, signatures, keys) are removed when a redirect leads to
   * another origin.
   */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  /** Identical for every attempt to cause one effect. Sent as `Idempotency-Key`. */
  readonly idempotencyKey: string;
  /**
   * The correlation ID of the release or move. It begins with the tenant's name, is sent as `Pointsman-Correlation-Id`,
   * and is logged.
   */
  readonly correlationId: string;
  /**
   * The time limit of the whole call in milliseconds: name resolution, connection, redirects, and the last byte of the
   * body.
   */
  readonly timeoutMs: number;
  /** The limit for the compressed and for the decompressed size of the response body. */
  readonly maxBytes: number;
  /** With 0, every redirect is refused. */
  readonly maxRedirects: number;
}

export type OutboundHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The result of one attempt. The summary contains only the host and the status, so it may be shown to the tenant. */
export type OutboundResult =
  | {
      /** The server responded with a 2xx status. */
      readonly kind: 'answered';
      readonly status: number;
      /** The headers by lower-case name, without those that describe the encoding of the body. */
      readonly headers: OutboundHeaders;
      readonly body: Buffer;
    }
  /**
   * The server responded with another final status, too large a body or too many redirects, or the URL or the
   * certificate is invalid. Another attempt would have the same result.
   */
  | {
      readonly kind: 'refused';
      readonly status: number | null;
      readonly summary: string;
      /** Set only for a body larger than `maxBytes`, so that the caller can report its own limit. */
      readonly tooLarge?: true;
    }
  /**
   * The name or the address is blocked. This may happen after a redirect, or when the name resolves to a new address.
   * Nothing was sent to that address.
   */
  | { readonly kind: 'forbidden'; readonly summary: string }
  /**
   * The server responded with 408, 425, 429 or 5xx, the call timed out, the connection was lost, or the breaker is
   * open. It is unknown whether the call had an effect.
   */
  | {
      readonly kind: 'later';
      /** Null if there was no response. */
      readonly status: number | null;
      readonly retryAfterMs: number | null;
      readonly summary: string;
    };

/** Sends every HTTP call to an external server. Each call is one attempt; the caller retries. */
export interface Outbound {
  /** Makes one attempt. Never rejects because of the server, the network or the request's values. */
  call(request: OutboundRequest): Promise<OutboundResult>;
  /**
   * Waits for running calls up to a time limit, then aborts them. Aborted calls and calls after this return `later`.
   */
  close(): Promise<void>;
}
