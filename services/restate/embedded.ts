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
import { RestateAdmin } from './admin.ts';

export interface RestatePorts {
  readonly ingress: number;
  readonly admin: number;
  /** Where the nodes of a cluster would talk to each other; a single one listens there too. */
  readonly fabric: number;
}

export interface EmbeddedRestateOptions {
  /** An absolute path. Made when it is missing. */
  readonly dataDir: string;
  /** All on 127.0.0.1: the server has no authentication of its own. */
  readonly ports: RestatePorts;
  readonly logFile: string;
  /** The private key with which the server signs its calls, as the path of a PEM. Without one it signs none. */
  readonly identityPemFile?: string;
  /** Settings over those of `restate.toml`, as `RESTATE_…` variables. For tests. */
  readonly extraEnv?: Readonly<Record<string, string>>;
  /** Told as soon as there is a process, long before it is ready: whoever must end it later should know it from then on. */
  readonly onStarted?: (process: ServerProcess) => void;
}

export interface EmbeddedRestate {
  readonly process: ServerProcess;
  readonly ingressUrl: string;
  readonly adminUrl: string;
  /** Ends it cleanly. At most about 25 s, then it is killed, which loses nothing. */
  stop(): Promise<void>;
}

/** The server's own settings, the same that docker-compose.yml mounts. */
export const RESTATE_TOML = fileURLToPath(new URL('../../restate.toml', import.meta.url));

/**
 * Starts the real Restate server that npm brought, and resolves when its ingress and its administration answer and every
 * partition can be asked.
 *
 * Throws PortTakenError when a port is taken, and ServerNotReadyError with the end of the log when it does not come up.
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
    await waitUntilReady('Restate', server, () => answers(ingressUrl, adminUrl));
  } catch (error) {
    await server.stop(stopSteps);
    if (
      error instanceof ServerNotReadyError &&
      /Address already in use|failed binding/i.test(error.lastWords)
    ) {
      throw new PortTakenError(`one of the ports ${Object.values(ports).join(', ')} is taken`, {
        cause: error,
      });
    }
    throw error;
  }
  return { process: server, ingressUrl, adminUrl, stop: () => server.stop(stopSteps) };
}

/** The path of the server's binary. Throws, saying what to do, when npm did not install one for this platform. */
export function restateBinary(): string {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  try {
    const here = createRequire(import.meta.url);
    const server = createRequire(here.resolve('@restatedev/restate-server/package.json'));
    return server.resolve(`${name}/bin/restate-server`);
  } catch (cause) {
    throw new Error(
      `The Restate server from npm is not here for ${process.platform}-${process.arch} (${name}). Run npm ci without ` +
        '--omit=optional, or set RESTATE_INGRESS_URL and RESTATE_ADMIN_URL to a server of your own.',
      { cause },
    );
  }
}

/** The server shuts down within the `shutdown-timeout` of restate.toml, which this outlasts. */
export const stopSteps = [['SIGTERM', 2 * serverLimits.stopMs]] as const;

function serverEnv(options: EmbeddedRestateOptions): Record<string, string> {
  const { dataDir, ports, identityPemFile, extraEnv = {} } = options;

  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    // The folder of the data is named after the node, which without this would be named after the machine: after a change
    // of the host's name the server would begin with an empty one.
    RESTATE_NODE_NAME: 'pointsman',
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_IP: '127.0.0.1',
    RESTATE_ADVERTISED_HOST: '127.0.0.1',
    RESTATE_BIND_PORT: String(ports.fabric),
    RESTATE_INGRESS__BIND_PORT: String(ports.ingress),
    RESTATE_ADMIN__BIND_PORT: String(ports.admin),
    // Without this it litters the system's temporary folder.
    RESTATE_WORKER__INVOKER__TMP_DIR: `${dataDir}/tmp`,
    ...(identityPemFile === undefined
      ? {}
      : { RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE: identityPemFile }),
    DO_NOT_TRACK: '1',
    ...extraEnv,
  };
}

// The administration answers health before the partitions have a leader, and a call then waits or fails: a query over all of
// them is the answer that counts. Somebody else's server on that port would answer too, but names another ingress.
async function answers(ingressUrl: string, adminUrl: string): Promise<boolean> {
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
