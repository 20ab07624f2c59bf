// The watchdog outlives the process of a stack, and ends the stack's parts if that process was killed. Its
// standard input is a pipe from that process. Nothing is written to the pipe; it closes when the process
// ends, for any reason.
import { endOrphans } from './orphans.ts';
import { openDataDir } from './data-dir.ts';
import { tryLockDataDir } from './data-dir-lock.ts';

const dataDir = await openDataDir(process.argv[2] as string);
process.stdin.resume();
await new Promise((ended) => process.stdin.once('close', ended));

// If a new stack already runs on this data directory, it has ended the orphans itself, and the running parts
// belong to it.
const lock = tryLockDataDir(dataDir, 'watchdog');
if (lock !== null) {
  await endOrphans(dataDir);
  lock.release();
}
