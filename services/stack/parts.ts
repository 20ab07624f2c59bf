import { isPortFree, PortTakenError, startOnPorts, type PortBook } from '../embedded/ports.ts';
import type { ServerProcess } from '../embedded/server-process.ts';
import { startEmbeddedPostgres } from '../postgres/embedded/embedded.ts';
import { RestateAdmin } from '../restate/admin.ts';
import { startEmbeddedRestate } from '../restate/embedded.ts';
import { moveStrandedDeployments } from '../restate/stranded-deployments.ts';
import { beginLog } from './child-log.ts';
import type { AdminToken } from './admin-token.ts';
import type { Home } from './home.ts';
import { stopStepsOf, type PartName } from './leftovers.ts';
import { runNodeChild, startNodeChild, type NodeChild } from './node-child.ts';
import { ownScripts, type Scripts, type StackOptions } from './options.ts';
import type { RequestIdentity } from './request-identity.ts';
import type { Part } from './supervise.ts';

export interface PartDeps extends Omit<StackOptions, 'onFailed'> {
  readonly home: Home;
  readonly book: PortBook;
  /** For the worker and the API alone. */
  readonly secretKeys: Readonly<Record<string, string>>;
}

/** A part, and where it is once it has been started. */
export interface Placed<T> {
  readonly part: Part;
  address(): T;
}

export interface Addresses {
  readonly appUrl: string;
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string };
}

/**
 * Where compilers and checks are told to find the API, which is not running yet when the worker begins. A port of the API's own choice is
 * chosen here: the API then finds it kept.
 */
export async function publicUrl({ config, book }: PartDeps): Promise<string> {
  if (config.publicUrl !== null) return config.publicUrl;
  const port = config.port === 0 ? await book.free('api') : config.port;
  const isEverywhere = config.host === '0.0.0.0' || config.host === '::';
  const host = isEverywhere ? '127.0.0.1' : config.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Throws PortTakenError when the API was given a port and somebody listens there. */
export async function checkApiPort({ config }: PartDeps): Promise<void> {
  if (config.port === 0 || (await isPortFree(config.port, config.host))) return;
  throw new PortTakenError(
    `Port ${config.port} on ${config.host} is taken. Set POINTSMAN_PORT to another, or to 0 for any that is free.`,
  );
}

export function postgresPart({
  home,
  book,
  fsync = true,
}: PartDeps): Placed<{ ownerUrl: string; appUrl: string }> {
  const logFile = beginLog(home.logs, 'postgres');
  return placed('postgres', keptPorts(book, ['postgres']), ({ postgres: port }, onStarted) =>
    startEmbeddedPostgres({ dataDir: home.postgres, port, logFile, fsync, onStarted }),
  );
}

export function restatePart(
  deps: PartDeps,
  { pemFile: identityPemFile }: RequestIdentity,
): Placed<{ ingressUrl: string; adminUrl: string }> {
  const { home, book, restateEnv = {} } = deps;
  const logFile = beginLog(home.logs, 'restate');
  return placed('restate', keptPorts(book, ['ingress', 'admin', 'fabric']), (ports, onStarted) =>
    startEmbeddedRestate({
      dataDir: home.restate,
      ports,
      logFile,
      identityPemFile,
      extraEnv: restateEnv,
      onStarted,
    }),
  );
}

/** Brings the database up to date, and ends. */
export async function migrateOnce(
  deps: PartDeps,
  database: { ownerUrl: string; appUrl: string },
): Promise<void> {
  const env = { DATABASE_URL: database.appUrl, DATABASE_OWNER_URL: database.ownerUrl };
  const { signal } = deps;
  await runNodeChild(nodeChild(deps, 'migrate')(env), (own) => {
    signal?.addEventListener('abort', () => own.signal('SIGTERM'), { once: true });
  });
}

/** The worker keeps its port between starts, because Restate keeps its address. `identityKey` null lets anybody call it. */
export function workerPart(
  deps: PartDeps,
  addresses: Addresses,
  { identityKey, publicUrl: toldUrl }: { identityKey: string | null; publicUrl: string },
): Part {
  const { config, book, say } = deps;
  const ports =
    config.workerPort === null ? keptPorts(book, ['worker']) : givenPort('worker', config.workerPort);
  const child = nodeChild(deps, 'worker');
  const start = async ({ worker: port }: { worker: number }, onStarted: OnStarted): Promise<object> => {
    const url = config.workerUrl ?? `http://127.0.0.1:${port}`;
    const env = {
      // Only a Restate elsewhere must reach it from outside.
      POINTSMAN_HOST: config.restate === null ? '127.0.0.1' : config.host,
      POINTSMAN_WORKER_PORT: String(port),
      POINTSMAN_WORKER_URL: url,
      POINTSMAN_WORKER_IDENTITY_KEY: identityKey ?? '',
      POINTSMAN_PUBLIC_URL: toldUrl,
      ...sharedEnv(deps, addresses),
    };
    await startNodeChild(child(env), onStarted);
    // New work runs in any case, so that a failure here is told, and not made one of the worker.
    if (config.restate === null) {
      await moveStrandedDeployments(new RestateAdmin(addresses.restate.adminUrl), url).catch(
        (error: unknown) => say(`worker: releases begun at its former address can't go on: ${String(error)}`),
      );
    }
    return {};
  };
  return placed('worker', ports, start).part;
}

export function apiPart(deps: PartDeps, addresses: Addresses, admin: AdminToken): Placed<{ url: string }> {
  const { config, book } = deps;
  const child = nodeChild(deps, 'api');
  return placed(
    'api',
    config.port === 0 ? keptPorts(book, ['api']) : givenPort('api', config.port),
    (ports, onStarted) => {
      const env = {
        POINTSMAN_HOST: config.host,
        POINTSMAN_PORT: String(ports.api),
        POINTSMAN_ADMIN_TOKEN_SHA256: admin.sha256,
        ...sharedEnv(deps, addresses),
      };
      return startNodeChild(child(env), onStarted);
    },
  );
}

type OnStarted = (process: ServerProcess) => void;

/** Runs the start with ports, perhaps again with others. */
type Ports<P> = <T>(start: (ports: P) => Promise<T>) => Promise<T>;

function keptPorts<N extends string>(book: PortBook, names: readonly N[]): Ports<Record<N, number>> {
  return (start) => startOnPorts(book, names, start);
}

function givenPort<N extends string>(name: N, port: number): Ports<Record<N, number>> {
  return (start) => start({ [name]: port } as Record<N, number>);
}

// Having found its place at its first start, a part stays there: the others have been told its address.
function placed<P, T extends object>(
  name: PartName,
  onPorts: Ports<P>,
  startOn: (ports: P, onStarted: OnStarted) => Promise<T>,
): Placed<T> {
  let found: { ports: P; address: T } | null = null;
  const start = async (onStarted: OnStarted): Promise<void> => {
    if (found !== null) await startOn(found.ports, onStarted);
    else found = await onPorts(async (ports) => ({ ports, address: await startOn(ports, onStarted) }));
  };
  return {
    part: { name, stopSteps: stopStepsOf[name], start },
    address: () => (found as NonNullable<typeof found>).address,
  };
}

function sharedEnv({ config, secretKeys }: PartDeps, { appUrl, restate }: Addresses): Record<string, string> {
  return {
    ...secretKeys,
    DATABASE_URL: appUrl,
    RESTATE_INGRESS_URL: restate.ingressUrl,
    RESTATE_ADMIN_URL: restate.adminUrl,
    POINTSMAN_LOG_LEVEL: config.logLevel,
  };
}

function nodeChild(
  { home, env, say, scripts = ownScripts }: PartDeps,
  name: keyof Scripts,
): (settings: Readonly<Record<string, string>>) => NodeChild {
  // No process inherits a secret that it has no use for.
  const {
    POINTSMAN_ADMIN_TOKEN: _token,
    DATABASE_OWNER_URL: _owner,
    POINTSMAN_SECRET_KEY: _key,
    POINTSMAN_SECRET_KEY_PREVIOUS: _previous,
    ...inherited
  } = env;
  const logFile = beginLog(home.logs, name);
  return (settings) => ({
    script: scripts[name],
    home: home.path,
    env: { ...inherited, ...settings },
    logFile,
    show: (line) => say(`${name}: ${line}`),
  });
}
