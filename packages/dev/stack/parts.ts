import { isPortFree, PortTakenError, startOnPorts, type PortBook } from '../embedded/ports.ts';
import type { ServerProcess } from '../embedded/server-process.ts';
import { startEmbeddedPostgres } from '../postgres/embedded.ts';
import { RestateAdmin } from '../../../services/restate/admin.ts';
import { startEmbeddedRestate } from '../restate/embedded.ts';
import { moveStrandedDeployments } from '../../../services/restate/stranded-deployments.ts';
import { rotateLog } from './child-log.ts';
import type { AdminToken } from './admin-token.ts';
import type { DataDir } from './data-dir.ts';
import { stopStepsOf, type PartName } from './orphans.ts';
import { runNodeChild, startNodeChild, type NodeChild } from './node-child.ts';
import { ownScripts, type Scripts, type StackOptions } from './options.ts';
import type { RequestIdentity } from './request-identity.ts';
import type { Part } from './supervise.ts';

export interface PartDeps extends Omit<StackOptions, 'onFailed'> {
  readonly dataDir: DataDir;
  readonly book: PortBook;
  /** The environment variables with the encryption keys. Only the worker and the API get them. */
  readonly secretKeys: Readonly<Record<string, string>>;
}

/** A part of the stack (one of its server processes). Its address is known once it has started. */
export interface AddressedPart<T> {
  readonly part: Part;
  address(): T;
}

export interface Addresses {
  readonly appUrl: string;
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string };
}

/**
 * Returns the URL under which external compilers and checks reach the API. It is needed before the API
 * starts, because the worker starts first. If the API may use any free port, the port is chosen and stored
 * here.
 */
export async function publicUrl({ config, book }: PartDeps): Promise<string> {
  if (config.publicUrl !== null) return config.publicUrl;
  const port = config.port === 0 ? await book.free('api') : config.port;
  const isEverywhere = config.host === '0.0.0.0' || config.host === '::';
  const host = isEverywhere ? '127.0.0.1' : config.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Throws PortTakenError if another process uses the configured port of the API. */
export async function checkApiPort({ config }: PartDeps): Promise<void> {
  if (config.port === 0 || (await isPortFree(config.port, config.host))) return;
  throw new PortTakenError(
    `Port ${config.port} on ${config.host} is taken. Set POINTSMAN_PORT to another port, or to 0 for any free one.`,
  );
}

export function postgresPart({
  dataDir,
  book,
  fsync = true,
}: PartDeps): AddressedPart<{ ownerUrl: string; appUrl: string }> {
  const logFile = rotateLog(dataDir.logs, 'postgres');
  return addressedPart('postgres', storedPorts(book, ['postgres']), ({ postgres: port }, onStarted) =>
    startEmbeddedPostgres({ dataDir: dataDir.postgres, port, logFile, fsync, onStarted }),
  );
}

export function restatePart(
  deps: PartDeps,
  { pemFile: identityPemFile }: RequestIdentity,
): AddressedPart<{ ingressUrl: string; adminUrl: string }> {
  const { dataDir, book, restateEnv = {} } = deps;
  const logFile = rotateLog(dataDir.logs, 'restate');
  return addressedPart('restate', storedPorts(book, ['ingress', 'admin', 'fabric']), (ports, onStarted) =>
    startEmbeddedRestate({
      dataDir: dataDir.restate,
      ports,
      logFile,
      identityPemFile,
      extraEnv: restateEnv,
      onStarted,
    }),
  );
}

/** Runs the process that migrates the database, until it ends. */
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

/**
 * Returns the worker as a part of the stack. It keeps its port from one start to the next, because Restate
 * stores its address. If `identityKey` is null, the worker accepts calls of any caller.
 */
export function workerPart(
  deps: PartDeps,
  addresses: Addresses,
  { identityKey, publicUrl: advertisedUrl }: { identityKey: string | null; publicUrl: string },
): Part {
  const { config, book, print } = deps;
  const ports =
    config.workerPort === null ? storedPorts(book, ['worker']) : fixedPort('worker', config.workerPort);
  const child = nodeChild(deps, 'worker');
  const start = async ({ worker: port }: { worker: number }, onStarted: OnStarted): Promise<object> => {
    const url = config.workerUrl ?? `http://127.0.0.1:${port}`;
    const env = {
      // The worker must accept connections from outside only if Restate runs on another machine.
      POINTSMAN_HOST: config.restate === null ? '127.0.0.1' : config.host,
      POINTSMAN_WORKER_PORT: String(port),
      POINTSMAN_WORKER_URL: url,
      POINTSMAN_WORKER_IDENTITY_KEY: identityKey ?? '',
      POINTSMAN_PUBLIC_URL: advertisedUrl,
      ...sharedEnv(deps, addresses),
    };
    await startNodeChild(child(env), onStarted);
    // Even if this call fails, new releases run. Only releases that started at the worker's earlier address
    // can't continue. The error is therefore printed, and the worker is not stopped.
    if (config.restate === null) {
      await moveStrandedDeployments(new RestateAdmin(addresses.restate.adminUrl), url).catch(
        (error: unknown) =>
          print(`worker: releases that started at its former address cannot continue: ${String(error)}`),
      );
    }
    return {};
  };
  return addressedPart('worker', ports, start).part;
}

export function apiPart(
  deps: PartDeps,
  addresses: Addresses,
  admin: AdminToken,
): AddressedPart<{ url: string }> {
  const { config, book } = deps;
  const child = nodeChild(deps, 'api');
  return addressedPart(
    'api',
    config.port === 0 ? storedPorts(book, ['api']) : fixedPort('api', config.port),
    (ports, onStarted) => {
      const env = {
        POINTSMAN_HOST: config.host,
        POINTSMAN_PORT: String(ports.api),
        POINTSMAN_HOME: deps.dataDir.path,
        POINTSMAN_ADMIN_TOKEN_SHA256: admin.sha256,
        ...sharedEnv(deps, addresses),
      };
      return startNodeChild(child(env), onStarted);
    },
  );
}

type OnStarted = (process: ServerProcess) => void;

/** A function that calls `start` with ports. If the ports are taken, it calls `start` again with others. */
type Ports<P> = <T>(start: (ports: P) => Promise<T>) => Promise<T>;

function storedPorts<N extends string>(book: PortBook, names: readonly N[]): Ports<Record<N, number>> {
  return (start) => startOnPorts(book, names, start);
}

function fixedPort<N extends string>(name: N, port: number): Ports<Record<N, number>> {
  return (start) => start({ [name]: port } as Record<N, number>);
}

// Creates a part whose address other parts use. A restart therefore uses the ports of the first start.
function addressedPart<P, T extends object>(
  name: PartName,
  onPorts: Ports<P>,
  startOn: (ports: P, onStarted: OnStarted) => Promise<T>,
): AddressedPart<T> {
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
  { dataDir, env, print, scripts = ownScripts }: PartDeps,
  name: keyof Scripts,
): (settings: Readonly<Record<string, string>>) => NodeChild {
  // The secrets are removed from the inherited environment. Each process gets only those that it needs.
  const {
    POINTSMAN_ADMIN_TOKEN: _token,
    DATABASE_OWNER_URL: _owner,
    POINTSMAN_SECRET_KEY: _key,
    POINTSMAN_SECRET_KEY_PREVIOUS: _previous,
    ...inherited
  } = env;
  const logFile = rotateLog(dataDir.logs, name);
  return (settings) => ({
    script: scripts[name],
    dataDir: dataDir.path,
    env: { ...inherited, ...settings },
    logFile,
    show: (line) => print(`${name}: ${line}`),
  });
}
