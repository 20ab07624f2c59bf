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
  /** For the communication between cluster nodes; a single node also listens on it. */
  readonly fabric: number;
}

export interface EmbeddedRestateOptions {
  /** An absolute path. Created if it does not exist. */
  readonly dataDir: string;
  /** The ports of the server. It listens only on 127.0.0.1, because it has no authentication. */
  readonly ports: RestatePorts;
  readonly logFile: string;
  /**
   * The path of a PEM with the private key that signs the server's calls. Without one, calls are not signed.
   */
  readonly identityPemFile?: string;
  /** Overrides settings of `restate.toml`, as `RESTATE_…` variables. For tests. */
  readonly extraEnv?: Readonly<Record<string, string>>;
  /** Called when the process exists, long before it is ready, so that the caller can end it from then on. */
  readonly onStarted?: (process: ServerProcess) => void;
}

export interface EmbeddedRestate {
  readonly process: ServerProcess;
  readonly ingressUrl: string;
  readonly adminUrl: string;
  /** Stops the server gracefully. After at most about 25 s it is killed, which loses nothing. */
  stop(): Promise<void>;
}

/** The server's own settings, which docker-compose.yml also mounts. */
export const RESTATE_TOML = fileURLToPath(new URL('../../../restate.toml', import.meta.url));

/**
 * Starts the Restate server that npm installed. Resolves when its ingress and its admin API respond and every
 * partition can be queried.
 *
 * Throws PortTakenError when a port is taken, and ServerNotReadyError with the end of the log when it fails
 * to start.
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
 * The path of the server's binary. Throws an error with instructions when npm did not install one for this
 * platform.
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

/** Longer than the `shutdown-timeout` in restate.toml. */
export const stopSteps = [['SIGTERM', 2 * serverLimits.stopMs]] as const;

function serverEnv(options: EmbeddedRestateOptions): Record<string, string> {
  const { dataDir, ports, identityPemFile, extraEnv = {} } = options;

  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    // The data folder is named after the node, whose default name is the host name. After a change of the
    // host name, the server would start with an empty folder.
    RESTATE_NODE_NAME: 'pointsman',
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_IP: '127.0.0.1',
    RESTATE_ADVERTISED_HOST: '127.0.0.1',
    RESTATE_BIND_PORT: String(ports.fabric),
    RESTATE_INGRESS__BIND_PORT: String(ports.ingress),
    RESTATE_ADMIN__BIND_PORT: String(ports.admin),
    // Without this setting, the server writes temporary files into the system's temporary folder.
    RESTATE_WORKER__INVOKER__TMP_DIR: `${dataDir}/tmp`,
    ...(identityPemFile === undefined
      ? {}
      : { RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE: identityPemFile }),
    DO_NOT_TRACK: '1',
    ...extraEnv,
  };
}

// The admin API reports healthy before the partitions have a leader, and a call then waits or fails. Only a
// query over all partitions shows that the server is ready. Another server on this port would also respond,
// but with another ingress URL.
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
