import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ServerProcess,
  startServerProcess,
  waitUntilReady,
} from '../../../packages/dev/embedded/server-process.ts';
import { SYSTEM_PYTHON } from './system-packages.ts';

/** A real Celery worker that runs examples/celery/worker.py, either unchanged or with faults. */
export interface TestCeleryWorker {
  /** Returns everything that the worker has logged. */
  log(): Promise<string>;
  /** Kills the worker and its pool with SIGKILL, and waits until they have ended. */
  kill(): Promise<void>;
  /** Kills the worker and its pool, and removes the log. */
  stop(): Promise<void>;
}

const EXAMPLE = fileURLToPath(new URL('../../../examples/celery', import.meta.url));
/** The folder of Python code that only tests use. */
const OWN = fileURLToPath(new URL('../celery', import.meta.url));

let started = 0;

export async function startCeleryWorker(options: {
  brokerUrl: string;
  queue: string;
  concurrency: number;
  /** The Python module to run. By default the module of the example. */
  app?: 'worker' | 'misbehaving';
  /** Additional settings of the worker. */
  env?: Readonly<Record<string, string>>;
}): Promise<TestCeleryWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-celery-'));
  const logFile = join(folder, 'celery.log');
  const name = `compiler-${process.pid}-${++started}@localhost`;
  // Disables the messages between workers. They delay the start by a second, and Pointsman does not need them.
  const alone = ['--without-gossip', '--without-mingle', '--without-heartbeat'];
  const pool = ['--concurrency', String(options.concurrency), '--loglevel', 'INFO', '--hostname', name];
  const worker = await startServerProcess({
    file: SYSTEM_PYTHON,
    args: [
      '-m',
      'celery',
      '--app',
      options.app ?? 'worker',
      '--workdir',
      EXAMPLE,
      'worker',
      '--queues',
      options.queue,
      ...pool,
      ...alone,
    ],
    env: {
      PATH: '/usr/bin:/bin',
      LANG: 'C.UTF-8',
      HOME: folder,
      PYTHONPATH: `${EXAMPLE}:${OWN}`,
      PYTHONDONTWRITEBYTECODE: '1',
      CELERY_BROKER_URL: options.brokerUrl,
      ...options.env,
    },
    logFile,
  });
  const kill = (): Promise<void> => {
    killGroup(worker);
    return worker.stop([]);
  };
  groups.add(worker);
  void worker.ended.then(() => groups.delete(worker));
  const log = () => readFile(logFile, 'utf8');
  const stop = async (): Promise<void> => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitUntilReady('the Celery worker', worker, async () => (await log()).includes(`${name} ready.`));
  } catch (error) {
    await stop();
    throw error;
  }
  return { log, kill, stop };
}

/** The worker is the first process of its own process group, which contains its pool. */
function killGroup(worker: ServerProcess): void {
  if (!worker.hasEnded()) process.kill(-worker.pid, 'SIGKILL');
}

const groups = new Set<ServerProcess>();

process.on('exit', () => {
  for (const worker of groups) killGroup(worker);
});
