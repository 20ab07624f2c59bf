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

/** A real Celery worker that runs examples/celery/worker.py, as it is or misbehaving. */
export interface TestCeleryWorker {
  /** All that it has logged. */
  log(): Promise<string>;
  /** Ends it and its pool with SIGKILL, all at once, and waits until it is gone. */
  kill(): Promise<void>;
  /** The same, and removes its log. */
  stop(): Promise<void>;
}

const EXAMPLE = fileURLToPath(new URL('../../../examples/celery', import.meta.url));
/** What only tests have their workers do. */
const OWN = fileURLToPath(new URL('../celery', import.meta.url));

let started = 0;

export async function startCeleryWorker(options: {
  brokerUrl: string;
  queue: string;
  concurrency: number;
  /** The module: the example's own, unless told. */
  app?: 'worker' | 'misbehaving';
  /** Further settings of it. */
  env?: Readonly<Record<string, string>>;
}): Promise<TestCeleryWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-celery-'));
  const logFile = join(folder, 'celery.log');
  const name = `compiler-${process.pid}-${++started}@localhost`;
  // What workers tell each other is left out: it delays the start by a second and is no part of the contract.
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

/** It is the first of a process group of its own, in which its pool is. */
function killGroup(worker: ServerProcess): void {
  if (!worker.hasEnded()) process.kill(-worker.pid, 'SIGKILL');
}

const groups = new Set<ServerProcess>();

process.on('exit', () => {
  for (const worker of groups) killGroup(worker);
});
