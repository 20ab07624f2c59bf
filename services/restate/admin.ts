import { request } from 'undici';
import { z } from 'zod';

const second = 1_000;

/**
 * The time limit of a registration. The server calls the worker during the registration, and the worker may have just
 * started.
 */
const REGISTER_TIMEOUT_MS = 30 * second;
/**
 * The time limit of a query. The server scans all invocations in flight. The sweep reads a few hundred rows per
 * query.
 */
const QUERY_TIMEOUT_MS = 15 * second;
/** The time limit of all other calls. The server responds to them from memory. */
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

/** A registered deployment with the services and handlers that the server has discovered at its URL. */
export interface RegisteredDeployment {
  readonly id: string;
  /**
   * Whether the URL is new to the server. If it is not, the server does not discover the handlers again, and the
   * handlers are those of the first registration.
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
  /** The URL without a trailing slash. It is null if the deployment has no HTTP URL. */
  readonly url: string | null;
  readonly services: readonly { readonly name: string; readonly revision: number }[];
}

/**
 * The result of ending an invocation. `accepted` means that the invocation will end soon. `gone` means that it has
 * already ended or never existed.
 */
export type EndingInvocation = 'accepted' | 'gone';

/**
 * A client for the admin API of a Restate server. Every call has a time limit, and throws {@link RestateAdminError}
 * if it fails.
 */
export class RestateAdmin {
  readonly #url: string;

  constructor(adminUrl: string) {
    this.#url = adminUrl.replace(/\/+$/, '');
  }

  /** Returns whether the server responds and reports that it is healthy. Never throws. */
  async health(): Promise<boolean> {
    return this.#call('GET', '/health', { timeoutMs: CALL_TIMEOUT_MS }).then(
      () => true,
      () => false,
    );
  }

  /** Returns the version of the server, and the URL of its ingress if the server reports one. */
  async version(): Promise<{ version: string; ingressUrl: string | null }> {
    const response = await this.#call('GET', '/version', { timeoutMs: CALL_TIMEOUT_MS });
    const parsed = z
      .object({ version: z.string(), ingress_endpoint: z.string().nullish() })
      .parse(response.body);
    return { version: parsed.version, ingressUrl: parsed.ingress_endpoint?.replace(/\/+$/, '') ?? null };
  }

  /**
   * Registers a deployment. The server discovers the services at this URL, and sends new invocations there.
   *
   * The server discovers the services of a URL only once, so a build with changed handlers needs a new URL. With
   * `force`, it discovers a known URL again. Use `force` only in development, because the changed handlers may not
   * match the journals of running invocations.
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
   * Changes the URL of a registered deployment. Its running invocations continue at the new URL, where a worker must
   * already listen.
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

  /**
   * Runs an SQL query on the server's system tables. The caller must escape the values in `sql`, and parse the
   * returned rows.
   */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const response = await this.#call('POST', '/query', {
      body: { query: sql },
      timeoutMs: QUERY_TIMEOUT_MS,
    });
    return Rows.parse(response.body).rows;
  }

  /**
   * Cancels an invocation. Its handler can then undo what it has done before the invocation ends. The method returns
   * before the invocation has ended.
   */
  async cancelInvocation(id: string): Promise<EndingInvocation> {
    return this.#end(id, 'cancel');
  }

  /** Kills an invocation. It ends immediately, and its handler can't undo its effects. */
  async killInvocation(id: string): Promise<EndingInvocation> {
    return this.#end(id, 'kill');
  }

  /**
   * Deletes all state of the virtual object or workflow with this key. The method returns before the state is
   * deleted. A repeated call has no further effect.
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
 * Thrown when a call to the admin API fails. `status` is null if the server has not responded. The call may then
 * still have had its effect.
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
  /** The error statuses (300 and above) that the caller handles. They do not cause an exception. */
  readonly expected?: readonly number[];
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
