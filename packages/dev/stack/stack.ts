import { PortBook } from '../embedded/ports.ts';
import { adminToken, type AdminToken } from './admin-token.ts';
import { writeApiUrl, openDataDir, type DataDir } from './data-dir.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { refuseForeignDataDir } from './data-dir-ownership.ts';
import { endOrphans, forgetProcess, recordProcess, STOP_ORDER, type PartName } from './orphans.ts';
import {
  apiPart,
  checkApiPort,
  migrateOnce,
  postgresPart,
  publicUrl,
  restatePart,
  workerPart,
  type PartDeps,
} from './parts.ts';
import type { StackOptions } from './options.ts';
import { requestIdentity } from './request-identity.ts';
import { secretKeySettings } from './secret-key.ts';
import { supervise, type Part, type Supervised } from './supervise.ts';
import { startWatchdog } from './watchdog-process.ts';

export interface Stack {
  readonly dataDir: DataDir;
  readonly apiUrl: string;
  readonly admin: AdminToken;
  readonly database: { readonly ownerUrl: string; readonly appUrl: string };
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string };
  /** The parts that this stack runs itself. External servers are not included. */
  readonly parts: ReadonlyMap<PartName, Supervised>;
  readonly watchdogPid: number;
  /**
   * Stops every part in order, each within its time limits. With `atOnce`, kills them. Resolves when no part
   * is running any more. Idempotent.
   */
  stop(options?: { atOnce?: boolean }): Promise<void>;
}

/**
 * Starts all parts that are not external, in the order of their dependencies. Resolves when the API is ready.
 * If a part fails to start, stops the parts that are already running, and throws the cause:
 * ForeignDataDirError, DataDirInUseError, PortTakenError, or the error of the part.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  await refuseForeignDataDir(options.config.dataDir);
  const dataDir = await openDataDir(options.config.dataDir);
  const lock = await lockDataDir(dataDir, 'stack');
  const running = new Map<PartName, Supervised>();
  let watchdog: ReturnType<typeof startWatchdog> | null = null;
  let stopping: Promise<void> | null = null;

  const stopParts = async (): Promise<void> => {
    for (const name of STOP_ORDER) await running.get(name)?.stop();
    await watchdog?.stop();
    lock.release();
  };
  const stop = async ({ atOnce = false } = {}): Promise<void> => {
    stopping ??= stopParts();
    // A graceful stop may be in progress. It continues, and finds every part already ended.
    if (atOnce) await Promise.all([...running.values()].map((part) => part.stop({ atOnce })));
    await stopping;
  };
  const run = async (name: PartName, part: Part): Promise<void> => {
    options.signal?.throwIfAborted();
    const supervised = supervise(part, {
      print: options.print,
      onStarted: (pid) => recordProcess(dataDir, name, pid),
      onEnded: (pid) => forgetProcess(dataDir, name, pid),
      onGaveUp: (reason) =>
        void stop().then(() => options.onFailed(`${reason}. Its log is in ${dataDir.logs}.`)),
    });
    running.set(name, supervised);
    await supervised.start();
  };
  const onAbort = (): void => void stop({ atOnce: true }).catch(() => undefined);

  try {
    options.signal?.addEventListener('abort', onAbort);
    const left = await endOrphans(dataDir);
    if (left.length > 0) options.print(`ended orphaned processes of an earlier start: ${left.join(', ')}`);
    options.signal?.throwIfAborted();
    watchdog = startWatchdog(dataDir);
    const started = await startParts(dataDir, options, run);
    options.signal?.throwIfAborted();
    await writeApiUrl(dataDir, started.apiUrl);
    return { ...started, dataDir, parts: running, watchdogPid: watchdog.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

async function startParts(
  dataDir: DataDir,
  options: StackOptions,
  run: (name: PartName, part: Part) => Promise<void>,
): Promise<Pick<Stack, 'apiUrl' | 'admin' | 'database' | 'restate'>> {
  const { config } = options;
  const book = PortBook.open(dataDir.ports);
  const secretKeys = await secretKeySettings(dataDir, config.secretKeys);
  const deps: PartDeps = { ...options, dataDir, book, secretKeys };
  // The port of the API is checked first, because it is the only port that the user has chosen. If another
  // stack uses it, the start fails before any part has started.
  await checkApiPort(deps);
  const admin = await adminToken(dataDir, config.adminToken);

  const postgres = config.database === null ? postgresPart(deps) : null;
  if (postgres !== null) await run('postgres', postgres.part);
  const database = config.database ?? (postgres as NonNullable<typeof postgres>).address();
  await migrateOnce(deps, database);

  const identity = config.restate === null ? await requestIdentity(dataDir) : null;
  const restatePartOrNull = identity === null ? null : restatePart(deps, identity);
  if (restatePartOrNull !== null) await run('restate', restatePartOrNull.part);
  const restate = config.restate ?? (restatePartOrNull as NonNullable<typeof restatePartOrNull>).address();

  const identityKey = identity?.publicKey ?? config.identityKey;
  const settings = { identityKey, publicUrl: await publicUrl(deps) };
  await run('worker', workerPart(deps, { appUrl: database.appUrl, restate }, settings));
  const api = apiPart(deps, { appUrl: database.appUrl, restate }, admin);
  await run('api', api.part);
  return { apiUrl: api.address().url, admin, database, restate };
}
