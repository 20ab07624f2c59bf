// The watchdog is a separate process of a stack. If the main process of the stack is killed, it ends the
// remaining server processes.
//
// Its stdin is a pipe from the main process. No data is written to the pipe, but it closes when the main
// process ends, whatever the reason.
import { endOrphans } from './orphans.ts';
import { openDataDir } from './data-dir.ts';
import { tryLockDataDir } from './data-dir-lock.ts';

const dataDir = await openDataDir(process.argv[2] as string);
process.stdin.resume();
await new Promise((ended) => process.stdin.once('close', ended));

// If the lock is taken, a new stack is already running on this data directory. It has ended the remaining
// processes itself, and the running ones belong to it.
const lock = tryLockDataDir(dataDir, 'watchdog');
if (lock !== null) {
  await endOrphans(dataDir);
  lock.release();
}
