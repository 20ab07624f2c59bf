import { pino } from 'pino';

import type { CeleryGrant } from '../../../core/celery-grant.ts';
import type { Broker } from '../../../packages/protocol/sinks/sink.ts';
import { createApp } from '../../../services/api/app.ts';
import { socketLimits, type SocketLimits } from '../../../services/api/limits.ts';
import { listen } from '../../../services/api/http/server.ts';
import { type Compiler, createCompiler } from '../../../services/compiler/compiler.ts';
import { hashToken } from '../../../services/config/settings.ts';
import { type Database, openDatabase } from '../../../services/postgres/database.ts';
import { Notifications } from '../../../services/postgres/notifications.ts';
import type { QueueDepths } from '../../../services/rabbitmq/queue-depths.ts';
import type { SecretKeys } from '../../../services/secrets/secret-box.ts';
import { TEST_SECRET_KEYS } from '../data/secret-keys.ts';

const TOKEN = 'an-admin-token-of-the-tests';

/** The real API, running in this process on a free port. */
export interface TestApi {
  readonly url: string;
  /** The admin's token, as set in the environment. */
  readonly adminToken: string;
  /** The log lines of the API. */
  readonly logged: readonly string[];
  /** Sends a request as the admin. An empty `authorization` header removes the token. */
  call(method: string, path: string, call?: TestCall): Promise<TestAnswer>;
  /** Drains the API as SIGTERM does: it ends open requests and refuses new ones. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestCall {
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: NonNullable<RequestInit['body']>;
  readonly signal?: AbortSignal;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON. Tests read the fields that they expect. */
  readonly json: Readonly<Record<string, unknown>>;
}

let shared: Compiler | null = null;

/**
 * The compiler of all APIs in this process. Each compiler would start its own processes. It needs no end, because its processes exit with
 * this process.
 */
function sharedCompiler(): Compiler {
  return (shared ??= createCompiler());
}

export async function startApi(stores: {
  appUrl: string;
  ingressUrl: string;
  /** The URL of Restate's admin API. By default the API has none. */
  adminUrl?: string;
  /** The folder whose disk the API examines. By default it examines none. */
  dataDir?: string;
  secretKeys?: SecretKeys | null;
  brokers?: readonly Broker[];
  celeryGrants?: readonly CeleryGrant[];
  queueDepths?: QueueDepths;
  limits?: Partial<SocketLimits>;
  /** A database that the caller must close. By default the API opens its own. */
  db?: Database;
  /** A compiler that the caller must close. By default all APIs of this process share one. */
  compiler?: Compiler;
  /**
   * Whether the API answers conditional requests for unchanged pointers before its router. True by default, as in
   * production.
   */
  answersEarly?: boolean;
}): Promise<TestApi> {
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const db = stores.db ?? openDatabase(stores.appUrl, { applicationName: 'api-test' });
  const notifications = new Notifications(stores.appUrl);
  notifications.start();
  const compiler = stores.compiler ?? sharedCompiler();
  const drain = new AbortController();
  const app = createApp({
    db,
    notifications,
    compiler,
    restateIngressUrl: stores.ingressUrl,
    restateAdminUrl: stores.adminUrl ?? null,
    dataDir: stores.dataDir ?? null,
    adminTokenSha256: hashToken(TOKEN),
    secretKeys: stores.secretKeys === undefined ? TEST_SECRET_KEYS : stores.secretKeys,
    brokers: stores.brokers ?? [],
    celeryGrants: stores.celeryGrants ?? [],
    queueDepths: stores.queueDepths ?? null,
    log,
    draining: drain.signal,
  });
  const limits = { ...socketLimits, ...stores.limits };
  const early = stores.answersEarly === false ? () => null : app.early;
  const server = await listen(app.fetch, { host: '127.0.0.1', port: 0, limits, early });
  let stopped: Promise<void> | null = null;
  const stopServer = (): Promise<void> => {
    drain.abort();
    return (stopped ??= server.stop());
  };
  return {
    url: server.url,
    adminToken: TOKEN,
    logged,
    call: (method, path, call) => request(server.url + path, method, call),
    drain: stopServer,
    async stop() {
      await stopServer();
      await app.close();
      await notifications.close();
      if (stores.db === undefined) await db.close();
    },
  };
}

async function request(
  url: string,
  method: string,
  { headers = {}, json, body, signal }: TestCall = {},
): Promise<TestAnswer> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: json === undefined ? (body ?? null) : JSON.stringify(json),
    signal: signal ?? null,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parseJson(text) };
}

function parseJson(text: string): TestAnswer['json'] {
  try {
    return JSON.parse(text) as TestAnswer['json'];
  } catch {
    return {};
  }
}
