import { Client } from 'pg';
import { z } from 'zod';

import { databaseLimits } from '../../core/limits/limits.ts';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';

const Notice = z.object({
  tenant: z.string(),
  bundle: z.string(),
  channel: z.string().nullable(),
  version: z.number().nullable(),
  /**
   * The kind of change. `progress` means that a stage of the release has begun or ended, or that one of its gates has
   * changed.
   */
  kind: z.enum(['moved', 'settled', 'hold', 'progress']),
});

/**
 * The payload of a notification. It is validated, because any role that can connect can send a notification with any
 * payload.
 */
const NoticeText = z.string().transform((text, context) => {
  const notice = parseJsonAs(Notice, text);
  if (notice !== null) return notice;
  context.addIssue('not a valid notice');
  return z.NEVER;
});

/** A hint to a reader that something has changed. Notifications can be lost, so readers must also poll. */
export type Notice = z.infer<typeof Notice>;

/**
 * A function that is called for each notice. When the connection is opened or reopened it is called with null,
 * because notices may have been lost before.
 */
type Listener = (notice: Notice | null) => void;

/** The limits of the connection. The defaults are in {@link databaseLimits}. */
export type ListenLimits = {
  readonly [limit in 'listenAgainMs' | 'listenCheckMs' | 'listenSilenceMs']: number;
};

/**
 * Receives PostgreSQL notifications for all listeners of this process over a single connection. If the connection is
 * lost, it is reopened, and every listener is called with null. A connection that the server has not closed, but over
 * which it no longer responds, is detected after at most `listenCheckMs` plus `listenSilenceMs`.
 */
export class Notifications {
  readonly #url: string;
  readonly #limits: ListenLimits;
  readonly #listeners = new Map<string, Set<Listener>>();
  #client: Client | null = null;
  /** The timer for the next attempt to connect, or for the next health check of the connection. */
  #next: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(url: string, limits: ListenLimits = databaseLimits) {
    this.#url = url;
    this.#limits = limits;
  }

  /** Starts to connect, and returns immediately. If the database is not available, the attempt is repeated. */
  start(): void {
    void this.#listen();
  }

  /** Calls the listener for every notice about this bundle. Returns a function that ends the subscription. */
  subscribe(tenant: string, bundle: string, listener: Listener): () => void {
    return this.#subscribe(`${tenant}/${bundle}`, listener);
  }

  /**
   * Calls the listener for every notice about any bundle of the tenant. Returns a function that ends the
   * subscription.
   */
  subscribeTenant(tenant: string, listener: Listener): () => void {
    return this.#subscribe(tenant, listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#next) clearTimeout(this.#next);
    await this.#client?.end().catch(() => undefined);
  }

  #subscribe(key: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }

  async #listen(): Promise<void> {
    if (this.#closed) return;
    const client = new Client({
      connectionString: this.#url,
      application_name: 'pointsman-notifications',
      connectionTimeoutMillis: databaseLimits.connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: databaseLimits.keepAliveDelayMs,
      query_timeout: this.#limits.listenSilenceMs,
    });
    this.#client = client;
    const lost = (): void => this.#retry(client);
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ payload }) => this.#deliver(payload ?? ''));
    try {
      await client.connect();
      await client.query('LISTEN pointsman');
    } catch {
      lost();
      return;
    }
    this.#checkLater(client);
    this.#call([...this.#listeners.keys()], null);
  }

  #checkLater(client: Client): void {
    if (this.#client !== client || this.#closed) return;
    this.#next = setTimeout(() => {
      client.query('SELECT 1').then(
        () => this.#checkLater(client),
        () => this.#retry(client),
      );
    }, this.#limits.listenCheckMs);
  }

  #retry(client: Client): void {
    if (this.#client !== client) return;
    this.#client = null;
    // `end` does not wait for the response to a running query, but destroys the socket.
    client.end().catch(() => undefined);
    if (this.#closed) return;
    if (this.#next) clearTimeout(this.#next);
    this.#next = setTimeout(() => void this.#listen(), this.#limits.listenAgainMs);
  }

  #deliver(payload: string): void {
    const notice = NoticeText.safeParse(payload);
    if (!notice.success) return;
    const { tenant, bundle } = notice.data;
    this.#call([tenant, `${tenant}/${bundle}`], notice.data);
  }

  #call(keys: readonly string[], notice: Notice | null): void {
    // The listeners are copied, because a listener may unsubscribe during the loop.
    const listeners = keys.flatMap((key) => [...(this.#listeners.get(key) ?? [])]);
    for (const listener of listeners) listener(notice);
  }
}
