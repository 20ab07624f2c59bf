import { readFileSync } from 'node:fs';

/** The kernel's unit of CPU time: 1/`USER_HZ`, which is 10 ms on every Linux that Node supports. */
const TICK_MS = 10;

/**
 * The CPU time of a process and its children, in milliseconds. Null if the system does not report it. Read from
 * /proc, because a busy process could not answer a message.
 */
export function processorMs(pid: number): number | null {
  const own = ticksOf(pid);
  if (own === null) return null;
  let ticks = own;
  for (const child of childrenOf(pid)) ticks += ticksOf(child) ?? 0;
  return ticks * TICK_MS;
}

/** utime and stime, of the process and of its exited children (proc_pid_stat(5)). */
function ticksOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name is in parentheses and may contain some itself. Field 3 follows it; utime is field 14.
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
    // Not every kernel lists children. Exited children are still counted.
    return [];
  }
}
