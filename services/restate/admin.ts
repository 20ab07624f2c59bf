import { request } from 'undici';
import { z } from 'zod';

const second = 1_000;

/** Registering makes the server fetch the worker's description, which may only just be starting. */
const REGISTER_TIMEOUT_MS = 30 * second;
/** A query scans what is in flight; the sweep asks for some hundreds of rows. */
const QUERY_TIMEOUT_MS = 15 * second;
/** Everything else answers from memory. */
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

/** A deployment as the server took it: its services with the handlers that it knows of them. */
export interface RegisteredDeployment {
  readonly id: string;
  /** False when the server knew the address already. It has then looked at nothing: the handlers are those of before. */
  readonly isNew: boolean;
  readonly services: readonly {
    readonly name: string;
    readonly revision: number;
    readonly handlers: readonly string[];
  }[];
}

export interface ListedDeployment {
  readonly id: string;
  /** Without a slash at the end, whatever the server says. Null for a deployment that is not reached by HTTP. */
  readonly url: string | null;
  readonly services: readonly { readonly name: string; readonly revision: number }[];
}

/** `accepted`: it will end soon. `gone`: it has ended already, or never was. */
export type EndingInvocation = 'accepted' | 'gone';

/** The administration of one Restate server. Every call has a deadline and throws {@link RestateAdminError}. */
export class RestateAdmin {
  readonly #url: string;

  constructor(adminUrl: string) {
    this.#url = adminUrl.replace(/\/+$/, '');
  }

  /** Whether the server says that it is well. Never throws. */
  async health(): Promise<boolean> {
    return this.#call('GET', '/health', { timeoutMs: CALL_TIMEOUT_MS }).then(
      () => true,
      () => false,
    );
  }

  /** Where the server says that its ingress is, and which version it is. */
  async version(): Promise<{ version: string; ingressUrl: string | null }> {
    const answer = await this.#call('GET', '/version', { timeoutMs: CALL_TIMEOUT_MS });
    const parsed = z
      .object({ version: z.string(), ingress_endpoint: z.string().nullish() })
      .parse(answer.body);
    return { version: parsed.version, ingressUrl: parsed.ingress_endpoint?.replace(/\/+$/, '') ?? null };
  }

  /**
   * Makes the server discover what serves at that URL, and send new invocations there. The server looks only at a URL that
   * it does not know yet, so that a build which changes handlers needs a URL of its own; the answer says what it knows.
   * `force` discovers again in place: for development only, since what runs there may no longer match its journal.
   */
  async registerDeployment(url: string, { force = false } = {}): Promise<RegisteredDeployment> {
    const answer = await this.#call('POST', '/v3/deployments', {
      body: { uri: url, force },
      timeoutMs: REGISTER_TIMEOUT_MS,
    });
    const { id, services } = Registered.parse(answer.body);
    return {
      id,
      isNew: answer.status === 201,
      services: services.map(({ name, revision, handlers }) => ({
        name,
        revision,
        handlers: handlers.map((handler) => handler.name),
      })),
    };
  }

  /** Says that a known deployment now serves at another URL; what runs on it goes on there. It must be serving already. */
  async patchDeployment(id: string, url: string): Promise<void> {
    const path = `/deployments/${encodeURIComponent(id)}`;
    await this.#call('PATCH', path, { body: { uri: url }, timeoutMs: REGISTER_TIMEOUT_MS });
  }

  async listDeployments(): Promise<ListedDeployment[]> {
    const answer = await this.#call('GET', '/deployments', { timeoutMs: CALL_TIMEOUT_MS });
    return Listed.parse(answer.body).deployments.map(({ id, uri, services }) => ({
      id,
      url: uri?.replace(/\/+$/, '') ?? null,
      services,
    }));
  }

  /** Rows of the server's own tables. The caller parses them; values must be put into `sql` by the caller, escaped. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const answer = await this.#call('POST', '/query', { body: { query: sql }, timeoutMs: QUERY_TIMEOUT_MS });
    return Rows.parse(answer.body).rows;
  }

  /** Asks an invocation to undo what it did and end. Answers before it has. */
  async cancelInvocation(id: string): Promise<EndingInvocation> {
    return this.#end(id, 'cancel');
  }

  /** Ends an invocation at once. None of its code runs any more, so that nothing is undone. */
  async killInvocation(id: string): Promise<EndingInvocation> {
    return this.#end(id, 'kill');
  }

  /** Removes all state under that key of a virtual object or a workflow. Answers before it has. A key without state has none afterwards, too. */
  async clearState(service: string, key: string): Promise<void> {
    const path = `/services/${encodeURIComponent(service)}/state`;
    await this.#call('POST', path, { body: { object_key: key, new_state: {} }, timeoutMs: CALL_TIMEOUT_MS });
  }

  async #end(id: string, how: 'cancel' | 'kill'): Promise<EndingInvocation> {
    const path = `/invocations/${encodeURIComponent(id)}/${how}`;
    const answer = await this.#call('PATCH', path, { timeoutMs: CALL_TIMEOUT_MS, expected: [404, 409] });
    return answer.status === 404 || answer.status === 409 ? 'gone' : 'accepted';
  }

  async #call(method: 'GET' | 'POST' | 'PATCH', path: string, options: CallOptions): Promise<Answer> {
    const { body, timeoutMs, expected = [] } = options;
    const answer = await request(this.#url + path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((cause: unknown) => {
      throw new RestateAdminError(`Restate did not answer ${method} ${path}`, null, { cause });
    });
    const text = await answer.body.text();
    const status = answer.statusCode;
    if (status >= 300 && !expected.includes(status)) {
      throw new RestateAdminError(
        `Restate answered ${method} ${path} with ${status}: ${text.slice(0, 500)}`,
        status,
      );
    }
    return { status, body: text === '' || status >= 300 ? null : (JSON.parse(text) as unknown) };
  }
}

/** A call to the administration failed. `status` is null when there was no answer, so that it may have been done all the same. */
class RestateAdminError extends Error {
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
  /** Statuses of 300 and above that the caller understands. */
  readonly expected?: readonly number[];
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
