import { pino } from 'pino';
import { parseAddressRange } from '../../../services/outbound/address-ranges.ts';
import type { Outbound, OutboundRequest } from '../../../services/outbound/contract.ts';
import { openOutbound, type OutboundOptions } from '../../../services/outbound/outbound.ts';
import type { Certificate } from '../servers/certificate.ts';
import { startOutsideServer, type Answer, type OutsideServer } from '../servers/outside-server.ts';

/** The servers and clients that a test opened. `await using` closes them. */
export interface Outside extends AsyncDisposable {
  /** Opens a client for a tenant's calls. It may call 127.0.0.1, but no other private address. */
  open(options?: Partial<OutboundOptions>): Outbound;
  server(answer: Answer, tls?: Certificate): Promise<OutsideServer>;
  /** The log lines of the opened clients. */
  readonly lines: readonly string[];
}

export function outside(): Outside {
  const closers: (() => Promise<void>)[] = [];
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  return {
    lines,
    open(options = {}) {
      const outbound = openOutbound({ allow: [range('127.0.0.1/32')], log, ...options });
      closers.push(() => outbound.close());
      return outbound;
    },
    async server(answer, tls) {
      const server = await startOutsideServer(answer, tls);
      closers.push(() => server.close());
      return server;
    },
    // Closes the servers first, because that ends the connections for which a client would wait.
    async [Symbol.asyncDispose]() {
      for (const close of closers.toReversed()) await close();
    },
  };
}

export function range(text: string): OutboundOptions['allow'][number] {
  return parseAddressRange(text)!;
}

/** Creates a request with generous limits, so that a slow machine does not change the result. */
export function get(url: string, over: Partial<OutboundRequest> = {}): OutboundRequest {
  return {
    url,
    method: 'GET',
    idempotencyKey: 'acme:support-bot:v12:e2e',
    correlationId: 'acme:support-bot:v12',
    timeoutMs: 30_000,
    maxBytes: 100_000,
    maxRedirects: 3,
    ...over,
  };
}

export function post(url: string, over: Partial<OutboundRequest> = {}): OutboundRequest {
  return get(url, {
    method: 'POST',
    body: '{"tenant":"acme"}',
    headers: { 'content-type': 'application/json' },
    ...over,
  });
}
