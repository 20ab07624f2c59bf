export interface OutboundRequest {
  /** http or https, without a user or a password in it. */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Those that belong to one origin (authorization, signatures, keys) are dropped when a redirect leads to another. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  /** The same for every attempt at the same effect: sent as `Idempotency-Key`. */
  readonly idempotencyKey: string;
  /** Of the release or move that the call is for: begins with the tenant's name. Sent as `Pointsman-Correlation-Id`, and logged. */
  readonly correlationId: string;
  /** The whole call: looking the name up, connecting, redirects, and the last byte of the body. */
  readonly timeoutMs: number;
  /** Of the answer's body, as it came and as it is after decompression. */
  readonly maxBytes: number;
  /** 0: every redirect is an answer that is refused. */
  readonly maxRedirects: number;
}

export type OutboundHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What became of one attempt. Summaries say host and status, and may be shown to whoever configured the call. */
export type OutboundAnswer =
  | {
      /** 2xx. */
      readonly kind: 'answered';
      readonly status: number;
      /** By lower-case name, without those that describe how the body was encoded on its way. */
      readonly headers: OutboundHeaders;
      readonly body: Buffer;
    }
  /** Another status, a body too large, too many redirects, a bad URL or certificate: another attempt changes nothing. */
  | {
      readonly kind: 'refused';
      readonly status: number | null;
      readonly summary: string;
      /** Only with a body past `maxBytes`, which whoever named that bound may want to say in words of his own. */
      readonly tooLarge?: true;
    }
  /** The name or address, also after a redirect or a change of the name, leads where calls may not go. Nothing was sent there. */
  | { readonly kind: 'forbidden'; readonly summary: string }
  /** 408, 425, 429, 5xx, a timeout, a lost connection, an open breaker. The effect may have happened: unknown is not failed. */
  | {
      readonly kind: 'later';
      /** Null where nothing was answered. */
      readonly status: number | null;
      readonly retryAfterMs: number | null;
      readonly summary: string;
    };

/** The one way out: every HTTP call to somebody else's server goes through here. One attempt each; retrying is the caller's. */
export interface Outbound {
  /** Never rejects for anything that the other side, the network or the request's values do. */
  call(request: OutboundRequest): Promise<OutboundAnswer>;
  /** Lets calls in flight end for a while, then ends them; those, and all later ones, are answered `later`. */
  close(): Promise<void>;
}
