import { readdirSync, readFileSync } from 'node:fs';

/** The ids of the compile processes that this process has started. */
export function compileProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return Number(parent) === process.pid && command.includes('compile-process');
      } catch {
        // The process has ended meanwhile.
        return false;
      }
    });
}
