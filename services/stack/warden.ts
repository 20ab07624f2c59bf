// Outlives the process that runs a stack, to end the stack's parts when that process was killed and could not do so itself.
// Its standard input is a pipe from there on which nothing is ever written: it ends when the other side does, however it does.
import { endLeftovers } from './leftovers.ts';
import { openHome } from './home.ts';
import { tryLockHome } from './home-lock.ts';

const home = await openHome(process.argv[2] as string);
process.stdin.resume();
await new Promise((ended) => process.stdin.once('close', ended));

// A new stack on this home, if there is one already, has ended the leftovers itself, and what runs now is its own.
const lock = tryLockHome(home, 'warden');
if (lock !== null) {
  await endLeftovers(home);
  lock.release();
}
