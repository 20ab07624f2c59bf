import { PortBook } from '../embedded/ports.ts';
import { adminToken, type AdminToken } from './admin-token.ts';
import { keepApiUrl, openHome, type Home } from './home.ts';
import { lockHome } from './home-lock.ts';
import { refuseForeignHome } from './own-home.ts';
import { endLeftovers, forgetProcess, recordProcess, STOP_ORDER, type PartName } from './leftovers.ts';
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
import { postWarden } from './warden-process.ts';

export interface Stack {
  readonly home: Home;
  readonly apiUrl: string;
  readonly admin: AdminToken;
  readonly database: { readonly ownerUrl: string; readonly appUrl: string };
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string };
  /** The parts that this stack runs: without those that run elsewhere. */
  readonly parts: ReadonlyMap<PartName, Supervised>;
  readonly wardenPid: number;
  /** Ends every part in order, each within its bounds; `atOnce` kills them. Resolves when nothing of it runs. May be called twice. */
  stop(options?: { atOnce?: boolean }): Promise<void>;
}

/**
 * Starts everything that is not elsewhere, in the order in which one needs the other, and resolves when the API serves. When
 * anything does not come up it ends what did, and throws what was wrong: ForeignHomeError, HomeInUseError, PortTakenError, or what the part says.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  await refuseForeignHome(options.config.home);
  const home = await openHome(options.config.home);
  const lock = await lockHome(home, 'stack');
  const running = new Map<PartName, Supervised>();
  let warden: ReturnType<typeof postWarden> | null = null;
  let stopping: Promise<void> | null = null;

  const stopParts = async (): Promise<void> => {
    for (const name of STOP_ORDER) await running.get(name)?.stop();
    await warden?.dismiss();
    lock.release();
  };
  const stop = async ({ atOnce = false } = {}): Promise<void> => {
    stopping ??= stopParts();
    // The orderly stop goes on, and finds each part dead already.
    if (atOnce) await Promise.all([...running.values()].map((part) => part.stop({ atOnce })));
    await stopping;
  };
  const run = async (name: PartName, part: Part): Promise<void> => {
    options.signal?.throwIfAborted();
    const supervised = supervise(part, {
      say: options.say,
      began: (pid) => recordProcess(home, name, pid),
      ended: (pid) => forgetProcess(home, name, pid),
      gaveUp: (reason) => void stop().then(() => options.onFailed(`${reason}. Its log is in ${home.logs}.`)),
    });
    running.set(name, supervised);
    await supervised.start();
  };
  const onAbort = (): void => void stop({ atOnce: true }).catch(() => undefined);

  try {
    options.signal?.addEventListener('abort', onAbort);
    const left = await endLeftovers(home);
    if (left.length > 0) options.say(`ended what an earlier start had left running: ${left.join(', ')}`);
    options.signal?.throwIfAborted();
    warden = postWarden(home);
    const started = await startParts(home, options, run);
    options.signal?.throwIfAborted();
    await keepApiUrl(home, started.apiUrl);
    return { ...started, home, parts: running, wardenPid: warden.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

async function startParts(
  home: Home,
  options: StackOptions,
  run: (name: PartName, part: Part) => Promise<void>,
): Promise<Pick<Stack, 'apiUrl' | 'admin' | 'database' | 'restate'>> {
  const { config } = options;
  const book = PortBook.open(home.ports);
  const secretKeys = await secretKeySettings(home, config.secretKeys);
  const deps: PartDeps = { ...options, home, book, secretKeys };
  // First, since it is the one port that a person chose: a second stack is told so before anything has been started.
  await checkApiPort(deps);
  const admin = await adminToken(home, config.adminToken);

  const postgres = config.database === null ? postgresPart(deps) : null;
  if (postgres !== null) await run('postgres', postgres.part);
  const database = config.database ?? (postgres as NonNullable<typeof postgres>).address();
  await migrateOnce(deps, database);

  const identity = config.restate === null ? await requestIdentity(home) : null;
  const restatePartOrNull = identity === null ? null : restatePart(deps, identity);
  if (restatePartOrNull !== null) await run('restate', restatePartOrNull.part);
  const restate = config.restate ?? (restatePartOrNull as NonNullable<typeof restatePartOrNull>).address();

  const identityKey = identity?.publicKey ?? config.identityKey;
  const told = { identityKey, publicUrl: await publicUrl(deps) };
  await run('worker', workerPart(deps, { appUrl: database.appUrl, restate }, told));
  const api = apiPart(deps, { appUrl: database.appUrl, restate }, admin);
  await run('api', api.part);
  return { apiUrl: api.address().url, admin, database, restate };
}
