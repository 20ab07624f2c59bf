import { createRequire } from 'node:module';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { serverLimits } from '../embedded/limits.ts';
import { PortTakenError } from '../embedded/ports.ts';
import {
  ServerNotReadyError,
  startServerProcess,
  waitUntilReady,
  type ServerProcess,
} from '../embedded/server-process.ts';
import { RestateAdmin } from '../../../services/restate/admin.ts';

export interface RestatePorts {
  readonly ingress: number;
  readonly admin: number;
  /** The port for the communication between cluster nodes. A single node also listens on it. */
  readonly fabric: number;
}

export interface EmbeddedRestateOptions {
  /** The absolute path of the data folder. It is created if it does not exist. */
  readonly dataDir: string;
  /** The ports to listen on. The server listens only on 127.0.0.1, because it has no authentication. */
  readonly ports: RestatePorts;
  readonly logFile: string;
  /**
   * The path of a PEM file with the private key with which the server signs its requests to the worker. If it
   * is missing, the requests are not signed.
   */
  readonly identityPemFile?: string;
  /** `RESTATE_…` variables that override settings of `restate.toml`. Only tests set them. */
  readonly extraEnv?: Readonly<Record<string, string>>;
  /**
   * Called as soon as the process exists, long before it is ready. From then on the caller must end the
   * process if the start is aborted.
   */
  readonly onStarted?: (process: ServerProcess) => void;
}

export interface EmbeddedRestate {
  readonly process: ServerProcess;
  readonly ingressUrl: string;
  readonly adminUrl: string;
  /**
   * Stops the server gracefully. If that takes too long, the server is killed, after at most about 25 s. No
   * data is lost in that case.
   */
  stop(): Promise<void>;
}

/** The path of the server's configuration file. docker-compose.yml uses the same file. */
export const RESTATE_TOML = fileURLToPath(new URL('../../../restate.toml', import.meta.url));

/**
 * Starts the Restate server that npm installed. Resolves when its ingress and its admin API respond and every
 * partition can be queried.
 *
 * Throws PortTakenError if another process uses one of the ports. Throws ServerNotReadyError, with the end of
 * the log, if the server does not start.
 */
export async function startEmbeddedRestate(options: EmbeddedRestateOptions): Promise<EmbeddedRestate> {
  const { dataDir, ports, logFile } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const args = ['--config-file', RESTATE_TOML, '--no-logo', '--base-dir', dataDir];
  const env = serverEnv(options);
  const server = await startServerProcess({ file: restateBinary(), args, env, logFile });
  options.onStarted?.(server);
  const ingressUrl = `http://127.0.0.1:${ports.ingress}`;
  const adminUrl = `http://127.0.0.1:${ports.admin}`;
  try {
    await waitUntilReady('Restate', server, () => isReady(ingressUrl, adminUrl));
  } catch (error) {
    await server.stop(stopSteps);
    if (
      error instanceof ServerNotReadyError &&
      /Address already in use|failed binding/i.test(error.logTail)
    ) {
      throw new PortTakenError(`one of the ports ${Object.values(ports).join(', ')} is taken`, {
        cause: error,
      });
    }
    throw error;
  }
  return { process: server, ingressUrl, adminUrl, stop: () => server.stop(stopSteps) };
}

/**
 * Returns the path of the Restate server that npm installed for this platform. If it is missing, throws an
 * error with instructions.
 */
export function restateBinary(): string {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  try {
    const here = createRequire(import.meta.url);
    const server = createRequire(here.resolve('@restatedev/restate-server/package.json'));
    return server.resolve(`${name}/bin/restate-server`);
  } catch (cause) {
    throw new Error(
      `npm did not install the Restate server for ${process.platform}-${process.arch} (${name}). Run npm ci without ` +
        '--omit=optional, or set RESTATE_INGRESS_URL and RESTATE_ADMIN_URL to your own server.',
      { cause },
    );
  }
}

/**
 * The signal that stops Restate, and the time to wait before SIGKILL. The time must be longer than the
 * `shutdown-timeout` in restate.toml.
 */
export const stopSteps = [['SIGTERM', 2 * serverLimits.stopMs]] as const;

function serverEnv(options: EmbeddedRestateOptions): Record<string, string> {
  const { dataDir, ports, identityPemFile, extraEnv = {} } = options;

  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    // Restate names its data folder after the node, and by default the node has the name of the host. With
    // that default, the server would start with an empty folder after the host was renamed.
    RESTATE_NODE_NAME: 'pointsman',
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_IP: '127.0.0.1',
    RESTATE_ADVERTISED_HOST: '127.0.0.1',
    RESTATE_BIND_PORT: String(ports.fabric),
    RESTATE_INGRESS__BIND_PORT: String(ports.ingress),
    RESTATE_ADMIN__BIND_PORT: String(ports.admin),
    // By default, the server would write temporary files into the temporary folder of the system.
    RESTATE_WORKER__INVOKER__TMP_DIR: `${dataDir}/tmp`,
    ...(identityPemFile === undefined
      ? {}
      : { RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE: identityPemFile }),
    DO_NOT_TRACK: '1',
    ...extraEnv,
  };
}

// Returns whether the server is ready. The admin API reports healthy before the partitions have a leader, and
// calls would wait or fail in that state. Only a query over all partitions shows that the server is ready.
//
// Another server on this port would respond too, so the ingress URL that it reports is compared.
async function isReady(ingressUrl: string, adminUrl: string): Promise<boolean> {
  const admin = new RestateAdmin(adminUrl);
  try {
    const ingress = await request(`${ingressUrl}/restate/health`, {
      signal: AbortSignal.timeout(serverLimits.probeMs),
    });
    await ingress.body.dump();
    const { ingressUrl: named } = await admin.version();
    if (ingress.statusCode !== 200 || named !== ingressUrl || !(await admin.health())) return false;
    await admin.query('SELECT count(1) AS invocations FROM sys_invocation');
    return true;
  } catch {
    return false;
  }
}
