import { request } from 'undici';
import { z } from 'zod';

const second = 1_000;

/**
 * The time limit of a registration. During it, the server reads the worker's description, and the worker may have just
 * started.
 */
const REGISTER_TIMEOUT_MS = 30 * second;
/** The time limit of a query, which scans the invocations in flight. The sweep reads a few hundred rows. */
const QUERY_TIMEOUT_MS = 15 * second;
/** The time limit of all other calls, to which the server responds from memory. */
const CALL_TIMEOUT_MS = 5 * second;

const Service = z.object({
  name: z.string(),
  revision: z.number().int(),
  handlers: z.array(z.object({ name: z.string() })),
});
const Registered = z.object({ id: z.string(), services: z.array(Service) });
const Listed = z.object({
  deployments: z.array(
    z.object({
      id: z.string(),
      uri: z.string().optional(),
      services: z.array(z.object({ name: z.string(), revision: z.number().int() })),
    }),
  ),
});
const Rows = z.object({ rows: z.array(z.record(z.string(), z.unknown())) });

/** A deployment as registered: its services, with the handlers that the server has discovered. */
export interface RegisteredDeployment {
  readonly id: string;
  /**
   * False when the server already had this URL. In that case it repeats no discovery, and the handlers are those of the
   * earlier registration.
   */
  readonly isNew: boolean;
  readonly services: readonly {
    readonly name: string;
    readonly revision: number;
    readonly handlers: readonly string[];
  }[];
}

export interface ListedDeployment {
  readonly id: string;
  /** The URL without a trailing slash. Null if the deployment is not reached by HTTP. */
  readonly url: string | null;
  readonly services: readonly { readonly name: string; readonly revision: number }[];
}

/** `accepted`: the invocation will end soon. `gone`: it has already ended, or never existed. */
export type EndingInvocation = 'accepted' | 'gone';

/** The admin API of one Restate server. Every call has a time limit and throws {@link RestateAdminError}. */
export class RestateAdmin {
  readonly #url: string;

  constructor(adminUrl: string) {
    this.#url = adminUrl.replace(/\/+$/, '');
  }

  /** Returns whether the server reports that it is healthy. Never throws. */
  async health(): Promise<boolean> {
    return this.#call('GET', '/health', { timeoutMs: CALL_TIMEOUT_MS }).then(
      () => true,
      () => false,
    );
  }

  /** Returns the version of the server and the URL of its ingress. */
  async version(): Promise<{ version: string; ingressUrl: string | null }> {
    const response = await this.#call('GET', '/version', { timeoutMs: CALL_TIMEOUT_MS });
    const parsed = z
      .object({ version: z.string(), ingress_endpoint: z.string().nullish() })
      .parse(response.body);
    return { version: parsed.version, ingressUrl: parsed.ingress_endpoint?.replace(/\/+$/, '') ?? null };
  }

  /**
   * Makes the server discover the services at this URL, and send new invocations there. The server runs a discovery
   * only for a new URL, so a build with changed handlers needs its own URL. The result lists the discovered services.
   * `force` repeats the discovery for a known URL. Use it only in development, because running invocations may no
   * longer match their journals.
   */
  async registerDeployment(url: string, { force = false } = {}): Promise<RegisteredDeployment> {
    const response = await this.#call('POST', '/v3/deployments', {
      body: { uri: url, force },
      timeoutMs: REGISTER_TIMEOUT_MS,
    });
    const { id, services } = Registered.parse(response.body);
    return {
      id,
      isNew: response.status === 201,
      services: services.map(({ name, revision, handlers }) => ({
        name,
        revision,
        handlers: handlers.map((handler) => handler.name),
      })),
    };
  }

  /**
   * Changes the URL of a registered deployment, whose invocations continue there. A worker must already serve the new
   * URL.
   */
  async patchDeployment(id: string, url: string): Promise<void> {
    const path = `/deployments/${encodeURIComponent(id)}`;
    await this.#call('PATCH', path, { body: { uri: url }, timeoutMs: REGISTER_TIMEOUT_MS });
  }

  async listDeployments(): Promise<ListedDeployment[]> {
    const response = await this.#call('GET', '/deployments', { timeoutMs: CALL_TIMEOUT_MS });
    return Listed.parse(response.body).deployments.map(({ id, uri, services }) => ({
      id,
      url: uri?.replace(/\/+$/, '') ?? null,
      services,
    }));
  }

  /** Queries the server's own tables. The caller parses the rows, and must escape the values in `sql`. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const response = await this.#call('POST', '/query', {
      body: { query: sql },
      timeoutMs: QUERY_TIMEOUT_MS,
    });
    return Rows.parse(response.body).rows;
  }

  /** Asks an invocation to undo its effects and end. Returns before it has ended. */
  async cancelInvocation(id: string): Promise<EndingInvocation> {
    return this.#end(id, 'cancel');
  }

  /** Ends an invocation immediately. Its code does not run any more, so its effects are not undone. */
  async killInvocation(id: string): Promise<EndingInvocation> {
    return this.#end(id, 'kill');
  }

  /**
   * Deletes all state of a virtual object or a workflow under this key. Returns before the state is deleted.
   * Idempotent.
   */
  async clearState(service: string, key: string): Promise<void> {
    const path = `/services/${encodeURIComponent(service)}/state`;
    await this.#call('POST', path, { body: { object_key: key, new_state: {} }, timeoutMs: CALL_TIMEOUT_MS });
  }

  async #end(id: string, how: 'cancel' | 'kill'): Promise<EndingInvocation> {
    const path = `/invocations/${encodeURIComponent(id)}/${how}`;
    const response = await this.#call('PATCH', path, { timeoutMs: CALL_TIMEOUT_MS, expected: [404, 409] });
    return response.status === 404 || response.status === 409 ? 'gone' : 'accepted';
  }

  async #call(method: 'GET' | 'POST' | 'PATCH', path: string, options: CallOptions): Promise<Answer> {
    const { body, timeoutMs, expected = [] } = options;
    const response = await request(this.#url + path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((cause: unknown) => {
      throw new RestateAdminError(`Restate did not respond to ${method} ${path}`, null, { cause });
    });
    const text = await response.body.text();
    const status = response.statusCode;
    if (status >= 300 && !expected.includes(status)) {
      throw new RestateAdminError(
        `Restate responded to ${method} ${path} with ${status}: ${text.slice(0, 500)}`,
        status,
      );
    }
    return { status, body: text === '' || status >= 300 ? null : (JSON.parse(text) as unknown) };
  }
}

/**
 * Thrown when a call to the admin API fails. `status` is null if there was no response; the call may still have had its
 * effect.
 */
export class RestateAdminError extends Error {
  override name = 'RestateAdminError';
  readonly status: number | null;

  constructor(message: string, status: number | null, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

interface CallOptions {
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** The statuses of 300 and above that the caller handles itself. */
  readonly expected?: readonly number[];
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
