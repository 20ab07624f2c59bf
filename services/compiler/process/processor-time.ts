import { readFileSync } from 'node:fs';

/**
 * The kernel's unit of CPU time in milliseconds. It is 1/`USER_HZ`, which is 10 ms on every Linux that Node supports.
 */
const TICK_MS = 10;

/**
 * Returns the CPU time of a process and its children in milliseconds, or null if the system does not report it. The
 * time is read from /proc, because a busy process does not respond to messages.
 */
export function processorMs(pid: number): number | null {
  const own = ticksOf(pid);
  if (own === null) return null;
  let ticks = own;
  for (const child of childrenOf(pid)) ticks += ticksOf(child) ?? 0;
  return ticks * TICK_MS;
}

/**
 * Returns the sum of utime and stime of the process and of its children that have exited (proc_pid_stat(5)), in
 * ticks.
 */
function ticksOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 2 is the name of the process in parentheses. The name may itself contain parentheses, so the fields are
    // counted from the last one. Fields 14 to 17 are the times.
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
    // Some kernels do not list the children of a process. Children that have exited are nevertheless counted, in the
    // times of the process itself.
    return [];
  }
}
