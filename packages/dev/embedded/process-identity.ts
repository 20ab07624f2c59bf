import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Returns whether the process is running and belongs to the folder. A process belongs to the folder if its
 * working directory, or a path in its command line, is inside the folder. The process ID alone is not enough,
 * because the system may have given the ID to another process after a crash.
 */
export async function isProcessOf(pid: number, folder: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  if (line === null)
    return (await commandLineByPs(pid)).some((rest) => startsWithPath(rest, folder, ['/', ' ']));
  // Option names are removed, so that `--base-dir=/x` is found like `-D /x`.
  const args = line.split('\0').map((arg) => arg.replace(/^--[a-z-]+=/, ''));
  if (args.some((arg) => startsWithPath(arg, folder, ['/']))) return true;
  const cwd = await realpath(`/proc/${pid}/cwd`).catch(() => null);
  return cwd !== null && startsWithPath(cwd, await realpath(folder).catch(() => folder), ['/']);
}

/** Returns whether a process with this ID exists. It may belong to another user, or be a zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// Returns the parts of the process's command line that may start with a path. Used on systems without /proc,
// where `ps` separates the arguments by spaces. A path may contain spaces itself, so the result contains the
// rest of the line from each word on.
async function commandLineByPs(pid: number): Promise<string[]> {
  const run = promisify(execFile);
  const output = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  const line = output.stdout.trim();
  return [...line.matchAll(/\S+/g)].map((word) => line.slice(word.index).replace(/^--[a-z-]+=/, ''));
}

function startsWithPath(path: string, folder: string, ends: readonly string[]): boolean {
  return path === folder || ends.some((end) => path.startsWith(folder + end));
}
