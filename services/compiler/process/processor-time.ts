import { readFileSync } from 'node:fs';

/** What the kernel counts in, on every Linux that Node runs on: `USER_HZ`, a hundredth of a second. */
const TICK_MS = 10;

/**
 * Processor time in milliseconds that a process has used, with the processes that it has started; null where the system does not say.
 * The process is not asked: while it parses it could not answer.
 */
export function processorMs(pid: number): number | null {
  const own = ticksOf(pid);
  if (own === null) return null;
  let ticks = own;
  for (const child of childrenOf(pid)) ticks += ticksOf(child) ?? 0;
  return ticks * TICK_MS;
}

/** proc_pid_stat(5): utime, stime, and both of the children that have ended. */
function ticksOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name stands in brackets and may have some itself. The state after it is field 3; utime is field 14.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return Number.isFinite(ticks) ? ticks : null;
  } catch {
    return null;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
    return children.trim().split(' ').filter(Boolean).map(Number);
  } catch {
    // Not every kernel lists them. Those that have ended are counted all the same.
    return [];
  }
}
