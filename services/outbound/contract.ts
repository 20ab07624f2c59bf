export interface OutboundRequest {
  /** http or https, without a user or a password. */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  /**
   * Headers for one origin only (authorization, signatures, keys) are removed when a redirect leads to
   * another origin.
   */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  /** The same for every attempt of one effect. Sent as `Idempotency-Key`. */
  readonly idempotencyKey: string;
  /**
   * The correlation ID of the release or move; it begins with the tenant's name. Sent as
   * `Pointsman-Correlation-Id`, and logged.
   */
  readonly correlationId: string;
  /**
   * The time limit of the whole call: name resolution, connection, redirects, and the last byte of the body.
   */
  readonly timeoutMs: number;
  /** The size limit of the response body, both compressed and decompressed. */
  readonly maxBytes: number;
  /** 0 means that every redirect is refused. */
  readonly maxRedirects: number;
}

export type OutboundHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The result of one attempt. A summary contains the host and the status, and may be shown to the tenant. */
export type OutboundResult =
  | {
      /** 2xx. */
      readonly kind: 'answered';
      readonly status: number;
      /** By lower-case name, without the headers about the body's encoding. */
      readonly headers: OutboundHeaders;
      readonly body: Buffer;
    }
  /**
   * Another status, too large a body, too many redirects, an invalid URL or certificate. Another attempt
   * would end in the same way.
   */
  | {
      readonly kind: 'refused';
      readonly status: number | null;
      readonly summary: string;
      /** Set only for a body larger than `maxBytes`, so that the caller can describe its own limit. */
      readonly tooLarge?: true;
    }
  /**
   * The name or the address is blocked, perhaps after a redirect or a change of the name. Nothing was sent
   * there.
   */
  | { readonly kind: 'forbidden'; readonly summary: string }
  /**
   * 408, 425, 429, 5xx, a timeout, a lost connection, an open breaker. The effect may have happened: its
   * outcome is unknown.
   */
  | {
      readonly kind: 'later';
      /** Null without a response. */
      readonly status: number | null;
      readonly retryAfterMs: number | null;
      readonly summary: string;
    };

/** Sends every HTTP call to an external server. Each call is one attempt; the caller retries. */
export interface Outbound {
  /** Never rejects because of the server, the network or the request's values. */
  call(request: OutboundRequest): Promise<OutboundResult>;
  /** Waits for running calls up to a time limit, then aborts them. Aborted and later calls return `later`. */
  close(): Promise<void>;
}
